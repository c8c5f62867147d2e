"""What columns look like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit.cli.columns import KINDS, look_at, words


def column(values: list, name: str = "c") -> pd.Series:
    return pd.Series(values, name=name)


@pytest.mark.parametrize(
    "values, name, kind",
    [
        (list(range(100)), "user", "ids"),
        ([-1, *range(100)], "balance", "numbers"),
        ([0, 1] * 50, "fraud", "classes"),
        ([True, False], "urgent", "classes"),
        ([0.5, 1.5, 2.5], "price", "numbers"),
        ([f"u{i}" for i in range(100)], "user", "labels"),
        (["ham", "spam"] * 50, "kind", "classes"),
        (["1", "2", "x"], "size", "mixed"),
        (["2024-03-01", "2024-03-02T12:00"], "day", "dates"),
        (["03/01/2024 12:00", "03/31/2024 13:00"], "date", "texts of dates"),
        (["03/01/2024 12:00", "03/31/2024 13:00"], "code", "labels"),
        ([5, 9, 12], "t", "times"),
        ([5, 9, 12], "sentAt", "times"),
        ([None, None], "c", "empty"),
        (list(pd.date_range("2024-01-01", periods=3)), "c", "dates"),
    ],
)
def test_kinds(values: list, name: str, kind: str) -> None:
    assert look_at(column(values, name)).kind == kind
    assert kind in KINDS


@pytest.mark.parametrize("scale, unit", [(1, "s"), (10**3, "ms"), (10**6, "us"), (10**9, "ns")])
def test_units_of_times_since_1970(scale: int, unit: str) -> None:
    look = look_at(column([1_600_000_000 * scale, 1_700_000_000 * scale]))
    assert (look.kind, look.unit) == ("times", unit)
    assert (look.low, look.high) == (str(1_600_000_000 * scale), str(1_700_000_000 * scale))


def test_dates_have_the_unit_in_which_they_are_whole() -> None:
    assert look_at(column(["2024-01-01T00:00:00.5", "2024-01-01"])).unit == "ms"
    look = look_at(column(["2024-01-01T01:00+01:00", "2024-01-01T03:00+02:00"]))
    assert (look.unit, look.low, look.high) == ("s", "2024-01-01 00:00:00", "2024-01-01 01:00:00")


def test_missing_and_bad_rows() -> None:
    look = look_at(column([1.5, None, 2.5, float("inf")]))
    assert (look.missing, look.bad_row, look.distinct) == (1, 1, 3)
    assert (look.low, look.high, look.note) == ("1.5", "2.5", "not all finite")
    look = look_at(column(["1", "2", "x", None]))
    assert (look.kind, look.missing, look.bad_row, look.note) == ("mixed", 1, 2, "1 not numbers")
    look = look_at(column(["2024-01-01", "soon", "2024-01-02"], "when"))
    assert (look.kind, look.bad_row, look.note) == ("dates", 1, "1 not dates")
    look = look_at(column([float("inf")]))
    assert (look.kind, look.bad_row) == ("numbers", 0)


def test_rows_are_positions_whatever_the_index() -> None:
    found = pd.Series([1.0, np.nan], index=[10, 20], name="c")
    assert look_at(found).bad_row == 1
    assert look_at(pd.Series(["1", "2", "x"], index=[7, 8, 9], name="c")).bad_row == 2


def test_categories_and_long_texts() -> None:
    assert look_at(pd.Series(pd.Categorical(["a", "b"] * 20), name="c")).kind == "classes"
    assert look_at(column(["x" * 30, "y"])).low == "x" * 17 + "..."


@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40), st.floats(), st.text())))
def test_whatever_a_column_holds_it_has_a_kind(values: list) -> None:
    look = look_at(pd.Series(values, name="c", dtype=object))
    present = [v for v in values if v is not None and v == v]
    assert look.kind in KINDS
    assert look.missing == len(values) - len(present)
    if look.missing:
        assert look.bad_row is not None
        assert look.bad_row <= next(i for i, v in enumerate(values) if v is None or v != v)
    assert (look.kind == "empty") == (not present)


def test_words() -> None:
    assert words("userId") == words("user_id") == words("User ID") == {"user", "id"}
    assert words("") == set()
