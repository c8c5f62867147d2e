"""Dates to ticks: exact or refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TimeUnit
from graphkit.data.convert.dates import coarsest_unit, date_ticks, tick_dates


@given(st.lists(st.integers(-(2**55), 2**55), min_size=1), st.sampled_from(["ns", "us", "ms", "s"]))
def test_both_ways(ticks: list, unit: str) -> None:
    dates = np.array(ticks).astype(f"M8[{unit}]")
    assert date_ticks(dates, TimeUnit(unit), "t").tolist() == ticks
    assert tick_dates(np.array(ticks), TimeUnit(unit)).tolist() == dates.tolist()


def test_coarser_and_finer_units() -> None:
    dates = np.array(["1970-01-08", "1969-12-25"], dtype="M8[D]")
    for unit, ticks in [("w", [1, -1]), ("d", [7, -7]), ("h", [168, -168]), ("m", [10080, -10080])]:
        assert date_ticks(dates, TimeUnit(unit), "t").tolist() == ticks
    assert tick_dates(np.array([1, -1]), TimeUnit("w")).astype("M8[D]").tolist() == dates.tolist()
    spans = np.array([3, -2], dtype="m8[h]")
    assert date_ticks(spans, TimeUnit("s"), "t").tolist() == [10800, -7200]
    assert str(coarsest_unit(np.array(["2020-01-01T00:00:00.5", "NaT"], dtype="M8[ns]"))) == "ms"


def test_beyond_the_range_of_nanoseconds() -> None:
    dates = np.array(["3000-01-01"], dtype="M8[s]")
    assert date_ticks(dates, TimeUnit("s"), "t").tolist() == [32503680000]
    with pytest.raises((GraphError, OverflowError)):
        date_ticks(dates, TimeUnit("ns"), "t")


def test_what_is_refused() -> None:
    with pytest.raises(GraphError, match="'t', row 1: a date is missing"):
        date_ticks(np.array(["2020-01-01", "NaT"], dtype="M8[s]"), TimeUnit("s"), "t")
    with pytest.raises(GraphError, match=r"'t', row 0: .*whole number of ticks of 'd'"):
        date_ticks(np.array(["2020-01-01T01"], dtype="M8[h]"), TimeUnit("d"), "t")
    with pytest.raises(GraphError, match="'step'"):
        date_ticks(np.array(["2020-01-01"], dtype="M8[s]"), TimeUnit("step"), "t")
