"""Values against annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.typed import check_value, check_values

PLACE = globals() | {"Alias": int | str}


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("int", [3, -1, 4.0, np.int64(2)], ["two", "3", 1.5, True, None, [1], float("inf")]),
        ("float", [3, 0.5, np.float32(2)], ["1e-3", True, None, []]),
        ("bool", [True, False, np.bool_(True)], [0, 1, "yes", None]),
        ("str", ["", "a"], [1, None, ["a"]]),
        ("int | None", [None, 2], ["none", 0.5]),
        ("int | str | None", ["30s", 5, None], [1.5, True, []]),
        ("Optional[float]", [None, 1], ["x"]),
        ("Sequence[float]", [[1, 2.5], (), [None][:0]], [1, "12", [1, "x"], None]),
        ("tuple[int, ...]", [[16, 8], (1,)], [[1, 0.5], 3]),
        ("list[str] | None", [["a"], None], ["a", [1]]),
        ("dict[str, Any]", [{}, {"a": 1}], [[], "x", 1]),
        ("Mapping[str, int]", [{"a": 1}], [3]),
        ("Literal['a', 'b']", ["a"], ["c", 1]),
        ("str | Path", ["a"], [1, None]),
    ],
)
def test_what_fits(annotation, good, bad):
    for value in good:
        assert check_value("x", value, annotation, PLACE, text=True) == value
    for value in bad:
        with pytest.raises(GraphError, match="'x': not "):
            check_value("x", value, annotation, PLACE, text=True)


@pytest.mark.parametrize("annotation", ["Any", "object", "Alias", "torch.Size", Tensor])
@given(value=st.one_of(st.none(), st.integers(), st.text(), st.lists(st.floats())))
def test_what_is_not_known_is_let_through(annotation, value):
    assert check_value("x", value, annotation, PLACE, text=True) is value


def test_objects_cannot_be_written_as_text():
    for annotation in ("Tensor", "torch.nn.Module", "Callable[..., Tensor]", "OnlyForCheckers"):
        with pytest.raises(GraphError, match="objects, which cannot be written as text; got '7'"):
            check_value("x", "7", annotation, PLACE, text=True)
        assert check_value("x", "7", annotation, PLACE) == "7", "something else checks it"
    with pytest.raises(GraphError, match="not none; expected none; got 7"):
        check_value("x", 7, "Tensor | None", PLACE, text=True)
    assert check_value("x", None, "Tensor | None", PLACE, text=True) is None
    tensor = torch.ones(2)
    assert check_value("x", tensor, "int", PLACE) is tensor


def test_a_whole_float_becomes_an_int_where_one_is_wanted():
    assert type(check_value("x", 4.0, "int", PLACE)) is int
    assert type(check_value("x", 4.0, "int | float", PLACE)) is float
    assert type(check_value("x", 4.0, "float", PLACE)) is float


def test_the_first_function_with_the_name_counts():
    def first(a: int, *, b: str = "") -> None: ...

    def second(a: str, c: float = 1.0, **rest: int) -> None: ...

    values = {"a": 2.0, "c": 3, "other": object}
    assert check_values(values, [first, second]) == values
    with pytest.raises(GraphError, match=r"'fit\.a': not a whole number.*got 'x'"):
        check_values({"a": "x"}, [first, second], prefix="fit.")


def test_a_class_is_checked_by_its_constructor():
    class Thing:
        def __init__(self, size: int = 1, names: Sequence[str] = ()) -> None: ...

    assert check_values({"size": 1, "names": ["a"]}, [Thing]) == {"size": 1, "names": ["a"]}
    with pytest.raises(GraphError, match="'names': not a list"):
        check_values({"names": "a"}, [Thing])


# What annotations above name.
_ = (Callable, Mapping, Path, Any, Literal)
