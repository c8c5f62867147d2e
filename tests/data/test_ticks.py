"""Conversions of time against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TimeUnit
from graphkit.data.ticks import convert_ticks

units = st.sampled_from(["ns", "us", "ms", "s", "m", "h", "d", "w"])
numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-100, 100).map(
    lambda v: v * 604_800 * 1000
)


@given(st.lists(numbers | st.floats(-1e15, 1e15), min_size=1, max_size=4), units, units,
       st.sampled_from(["int64", "float64"]), st.booleans())  # fmt: skip
def test_exact_or_refused(values: list, unit: str, to: str, dtype: str, whole: bool) -> None:
    array = np.array([int(v) for v in values] if whole else [float(v) for v in values])
    if array.dtype.kind == "f" and (np.abs(array) >= 2**53).any() and dtype == "int64":
        return  # refused whatever the unit: see below
    unit, to = TimeUnit(unit), TimeUnit(to)
    factor = Fraction(unit.nanoseconds, to.nanoseconds)
    exact = [Fraction(v) * factor for v in array.tolist()]
    if dtype == "int64":
        possible = all(v.denominator == 1 and -(2**63) < v < 2**63 for v in exact)
    else:
        possible = all(Fraction(float(v)) == v for v in exact)
    got = converted(array, unit, to, dtype)
    if got is None:
        if possible:  # only what lies beyond whole float64 numbers, or at the edge of int64
            assert any(abs(v) >= 2**53 or abs(n) >= 2**53 for v, n in zip(exact, array.tolist()))
        return
    assert got.dtype == dtype
    assert [Fraction(v) for v in got.tolist()] == exact


def converted(values: np.ndarray, unit: TimeUnit, to: TimeUnit, dtype: str) -> np.ndarray | None:
    try:
        return convert_ticks(values, unit, to, dtype)
    except GraphError:
        return None


def test_what_is_refused() -> None:
    s, ms, step = TimeUnit("s"), TimeUnit("ms"), TimeUnit("step")
    for values, unit, to, words in (
        ([1000, 1500], ms, s, "row 1: .*not a whole number of 's'; expected a multiple of 1000"),
        ([1, 2**60], s, ms, "row 1: .*does not fit in int64"),
        ([0.0, np.nan], s, s, "row 1: a time is not finite"),
        ([0.5, 0.25], s, s, "row 0: a time is not a whole number of ticks"),
        ([2.0**53], s, s, "row 0: a float does not hold"),
        ([1], step, s, "cannot be told in 's'"),
    ):
        with pytest.raises(GraphError, match=words):
            convert_ticks(np.array(values), unit, to)
    with pytest.raises(GraphError, match="without rounding"):
        convert_ticks(np.array([1]), ms, s, "float64")
    assert convert_ticks(np.array([500, 1500]), ms, s, "float64").tolist() == [0.5, 1.5]
    assert convert_ticks(np.array([1, 2]), step, step).tolist() == [1, 2]
