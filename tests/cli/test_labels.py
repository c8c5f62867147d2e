"""Labels from text: exact, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit.cli.labels import typed_labels
from graphkit.errors import GraphError


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_come_back_exactly(values: list[int]) -> None:
    found = typed_labels([str(v) for v in values], values, "user")
    assert found == values
    assert all(type(label) is int for label in found)


@given(st.lists(st.text(), min_size=1), st.lists(st.text()))
def test_text_stays_text(known: list[str], texts: list[str]) -> None:
    assert typed_labels(texts, known, "user") == texts


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back_exactly(values: list[float]) -> None:
    assert typed_labels([repr(v) for v in values], values, "user") == values


@pytest.mark.parametrize(
    "text", ["7.5", "7.0", "7e2", "007", "+7", " 7", "-0", "u7", "", "1_000", "nan", "0x7", "٣"]
)
def test_what_is_no_integer_is_refused(text: str) -> None:
    with pytest.raises(GraphError, match=r"'user', row 1: .* expected an integer"):
        typed_labels(["1", text], [1, 2], "user")


def test_an_integer_that_a_float_would_round() -> None:
    assert typed_labels(["9007199254740993"], [1], "user") == [9007199254740993]


def test_what_is_no_text_is_left_alone() -> None:
    assert typed_labels([7, None, "8"], [1], "user") == [7, None, 8]


def test_labels_of_several_types() -> None:
    known = ["a", 7, "8", 9, "9", 2.5]
    assert typed_labels(["a", "7", "8", "2.5"], known, "user") == ["a", 7, "8", 2.5]
    with pytest.raises(GraphError, match=r"row 0: two nodes are written so; .* got 9 and '9'"):
        typed_labels(["9"], known, "user")
    with pytest.raises(GraphError, match="row 1: no node is written so"):
        typed_labels(["a", "b"], known, "user")


def test_without_any_label_text_is_text() -> None:
    assert typed_labels(["7"], [], "user") == ["7"]
