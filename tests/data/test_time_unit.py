"""Spans of time in ticks: exact, and refused where a conversion would be a guess."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TimeUnit

SECONDS = {  # an independent table
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(24 * 3600),
    "w": Fraction(7 * 24 * 3600),
}
units = st.sampled_from(sorted(SECONDS))


@given(units, units, st.integers(1, 10**6))
def test_ticks_equal_seconds_by_hand(clock: str, unit: str, number: int) -> None:
    exact = number * SECONDS[unit] / SECONDS[clock]
    assert TimeUnit(clock).ticks(f"{number}{unit}", whole=False) == float(exact)
    if exact.denominator == 1:
        ticks = TimeUnit(clock).ticks(f"{number} {unit}")
        assert ticks == exact
        assert type(ticks) is int
    else:
        with pytest.raises(GraphError, match="not a whole number"):
            TimeUnit(clock).ticks(f"{number}{unit}")


@given(units, units, st.integers(-(2**63), 2**63))
def test_convert_is_exact_for_any_sign(one: str, other: str, value: int) -> None:
    exact = value * SECONDS[one] / SECONDS[other]
    if exact.denominator == 1:
        assert TimeUnit(one).convert(value, TimeUnit(other)) == exact
        assert TimeUnit(other).convert(int(exact), TimeUnit(one)) == value
    else:
        with pytest.raises(GraphError, match="not a whole number"):
            TimeUnit(one).convert(value, other)


def test_convert_between_steps_and_lengths_is_refused() -> None:
    assert TimeUnit("step").convert(-3, TimeUnit("step")) == -3
    for one, other in (("step", "s"), ("s", "step")):
        with pytest.raises(GraphError, match="only order"):
            TimeUnit(one).convert(3, TimeUnit(other))


@pytest.mark.parametrize(
    "clock, span, ticks",
    [
        ("s", "1h", 3600),
        ("s", "h", 3600),
        ("s", " 15 min ", 900),
        ("s", "1.5h", 5400),
        ("s", ".5m", 30),
        ("s", "1e3s", 1000),
        ("ms", "0.1s", 100),  # 0.1 as a decimal, not as the nearest float
        ("us", "3 µs", 3),  # the micro sign
        ("us", "3 μs", 3),  # the Greek letter
        ("ms", "2 milliseconds", 2),
        ("d", "2 weeks", 14),
        ("h", "3T", None),
        ("s", timedelta(days=1, seconds=1), 86401),
        ("us", timedelta(microseconds=-1) + timedelta(seconds=1), 999999),
        ("ns", pd.Timedelta("1us") + pd.Timedelta(5, "ns"), 1005),
        ("s", pd.Timedelta("2min"), 120),
        ("s", np.timedelta64(2, "m"), 120),
        ("ns", np.timedelta64(7, "ms"), 7_000_000),
        ("s", 5, 5),
        ("s", 5.0, 5),
        ("s", np.int64(5), 5),
        ("s", np.float32(5), 5),
        ("s", 2**62, 2**62),
        ("step", 4, 4),
        ("step", "4 steps", 4),
        ("step", "step", 1),
    ],
)
def test_spans(clock: str, span: object, ticks: int | None) -> None:
    if ticks is None:
        with pytest.raises(GraphError, match="not a whole number"):
            TimeUnit(clock).ticks(span)
    else:
        assert TimeUnit(clock).ticks(span) == ticks


def test_float_clocks_take_parts_of_ticks() -> None:
    assert TimeUnit("h").ticks("15min", whole=False) == 0.25
    assert TimeUnit("s").ticks(0.1, whole=False) == 0.1
    with pytest.raises(GraphError, match=r"0\.1 ticks of 's', not a whole number"):
        TimeUnit("s").ticks("100ms")


@pytest.mark.parametrize(
    "span",
    ["", "abc", "1M", "1y", "3 months", "1", "-1h", "1h30m", None, True, np.True_, b"1h", []],
)
def test_nonsense_is_no_span(span: object) -> None:
    with pytest.raises(GraphError, match="not a span of time"):
        TimeUnit("s").ticks(span)


@pytest.mark.parametrize("span", [0, -1, 0.0, "0s", timedelta(0), timedelta(days=-1)])
def test_spans_are_positive(span: object) -> None:
    with pytest.raises(GraphError, match="must be positive"):
        TimeUnit("s").ticks(span)


@pytest.mark.parametrize("span", [float("nan"), float("inf"), np.float32("inf")])
def test_spans_are_finite(span: float) -> None:
    with pytest.raises(GraphError, match="must be finite"):
        TimeUnit("s").ticks(span)


def test_a_clock_of_steps_has_no_length() -> None:
    for span in ("1h", timedelta(hours=1), np.timedelta64(1, "h")):
        with pytest.raises(GraphError, match="only orders events"):
            TimeUnit("step").ticks(span)
    with pytest.raises(GraphError, match="counts steps"):
        TimeUnit("s").ticks("3 steps")
    assert TimeUnit("step").nanoseconds is None


def test_units_are_values() -> None:
    assert TimeUnit("minutes") == TimeUnit("min") == TimeUnit("m")
    assert len({TimeUnit("s"), TimeUnit("sec"), TimeUnit()}) == 1
    assert str(TimeUnit("Days")) == "d"
    assert TimeUnit("ms").nanoseconds == 10**6
    with pytest.raises(AttributeError):
        TimeUnit("s").name = "h"


@pytest.mark.parametrize("name", ["M", "month", "Y", "", "fortnight", None, 3, b"s"])
def test_what_is_no_unit(name: object) -> None:
    with pytest.raises(GraphError, match="not a unit of time") as caught:
        TimeUnit(name)
    assert caught.value.column == "time_unit"
    assert "at=" in str(caught.value)
