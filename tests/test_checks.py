"""Choices, counts and shares: what is taken, as what, and what is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit.checks import check_choice, check_count, check_share
from graphkit.errors import GraphError, UnknownNameError

NO_NUMBERS = [None, "2", b"2", [], [1], {}, object(), float("nan"), float("inf"), True, np.True_]


def test_a_choice_is_returned_as_it_is() -> None:
    assert check_choice("sum", "reduce", ("sum", "mean")) == "sum"
    assert check_choice(np.str_("sum"), "reduce", {"sum": 1}) == "sum"
    assert check_choice(None, "until", (None, "val")) is None


@pytest.mark.parametrize("wrong", ["Sum", "", None, 1, ["sum"], {"sum"}, np.array(["sum", "mean"])])
def test_another_value_is_refused_with_the_choices(wrong: Any) -> None:
    """Values that cannot be hashed or compared too."""
    with pytest.raises(UnknownNameError, match=r"reduce.*Known: mean, sum"):
        check_choice(wrong, "reduce", {"sum": 1, "mean": 2})


@given(st.integers(0, 2**70))
def test_whole_numbers_become_ints(value: int) -> None:
    kinds = [value]
    if value < 2**62:
        kinds += [np.int64(value), torch.tensor(value)]
    if value < 2**53:
        kinds += [float(value), np.float64(value)]
    for given_as in kinds:
        found = check_count(given_as, "k", at_least=0)
        assert type(found) is int
        assert found == value


@pytest.mark.parametrize("wrong", [*NO_NUMBERS, 0, -1, 2.5, torch.tensor([1, 2]), np.arange(3)])
def test_what_is_no_count(wrong: Any) -> None:
    with pytest.raises(GraphError, match="'k': not a count; expected an integer > 0"):
        check_count(wrong, "k")


def test_the_smallest_count() -> None:
    assert check_count(3, "k", at_least=3) == 3
    with pytest.raises(GraphError, match="'k': too few; expected an integer >= 3; got 2"):
        check_count(2, "k", "too few", at_least=3)


@pytest.mark.parametrize("wrong", [*NO_NUMBERS, -0.1, 1.1, torch.tensor([0.1, 0.2])])
def test_what_is_no_share(wrong: Any) -> None:
    if wrong is True or isinstance(wrong, np.bool_):
        wrong = False
    with pytest.raises(GraphError, match="'p': not a share; expected 0 <= p <= 1"):
        check_share(wrong, "p", one=True)


def test_the_ends_of_a_share() -> None:
    assert [check_share(v, "p", one=True) for v in (0, 1, np.float32(0.5))] == [0.0, 1.0, 0.5]
    with pytest.raises(GraphError, match="expected 0 <= p < 1; got 1"):
        check_share(1, "p")
    with pytest.raises(GraphError, match="expected 0 < p < 1; got 0"):
        check_share(0, "p", zero=False)
