"""Days, weeks, months and years of a local clock, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit import TemporalGraph
from graphkit.data.calendar import CalendarSpan
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

ZONES = [None, "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
SPANS = {"1 day": "D", "1d": "D", "1 week": "W", "1 month": "M", "1 quarter": "Q", "1 year": "Y"}


@given(
    st.lists(st.integers(-(10**9), 3 * 10**9), min_size=1, max_size=8),
    st.sampled_from(sorted(SPANS)),
    st.sampled_from(ZONES),
    st.sampled_from(["ms", "s", "m", "h"]),
)
def test_every_time_in_every_zone(
    seconds: list[int], every: str, zone: str | None, unit: str
) -> None:
    nanoseconds = TimeUnit(unit).nanoseconds
    ticks = [s * 10**9 // nanoseconds for s in seconds]
    span = CalendarSpan.of(every, "midnight", TimeUnit(unit), zone)
    found = span.number_of(ticks)
    begin, end = span.begin(found), span.begin(found + 1)
    assert span.number_of(begin).tolist() == found.tolist()
    for tick, low, high in zip(ticks, begin.tolist(), end.tolist()):
        assert low <= tick < high
        at = pd.Timestamp(tick * nanoseconds, tz="UTC").tz_convert(zone or "UTC").tz_localize(None)
        period = at.to_period(SPANS[every] if SPANS[every] != "W" else "W-SUN")
        for border, start in ((low, period.start_time), (high, (period + 1).start_time)):
            local = start.tz_localize(zone or "UTC", ambiguous=True, nonexistent="shift_forward")
            assert border == -(-local.as_unit("ns").value // nanoseconds)


def test_snapshots_of_months_and_local_days() -> None:
    """A day of 23 hours, and months of 31 and 29 days."""
    dates = pd.to_datetime(
        ["2024-01-31 22:30", "2024-01-31 23:30", "2024-03-30 23:30", "2024-03-31 21:30",
         "2024-03-31 22:30"], utc=True,
    ).tz_convert("Europe/Berlin")  # fmt: skip
    table = pd.DataFrame({"a": [0, 1, 2, 3, 4], "b": [1, 2, 3, 4, 0], "t": dates})
    graph = TemporalGraph.from_pandas(table, "a", "b", "t")
    months = graph.snapshots(every="1 month")
    assert months.num_events.tolist() == [1, 1, 2, 1]
    days = graph[2:].snapshots(every="1 day", origin="midnight")
    assert days.num_events.tolist() == [2, 1]
    hour = 3600 * 10**9 // graph.time_unit.nanoseconds
    assert (days.end - days.start).tolist() == [23 * hour, 24 * hour]
    plain = graph[2:].snapshots(every="1 day", origin="epoch")
    assert plain.num_events.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("every", "origin", "words"),
    [
        ("1h", "midnight", "goes with days, weeks, months and years"),
        ("1 month", "epoch", "begins at midnight"),
        ("0 month", "first", "must be positive"),
    ],
)
def test_what_is_refused(every: str, origin: str, words: str) -> None:
    graph = TemporalGraph([0, 1], [1, 0], [0, 10**8])
    with pytest.raises(GraphError, match=words):
        graph.snapshots(every=every, origin=origin)


def test_a_clock_without_dates() -> None:
    for unit in ("step", "d"):
        graph = TemporalGraph([0, 1], [1, 0], [0, 100], time_unit=unit)
        with pytest.raises(GraphError, match="does not tell when a day begins"):
            graph.snapshots(every="1 month")


def test_a_float_clock() -> None:
    t = np.array([0.5, 31 * 86_400 - 0.5, 31 * 86_400 + 0.5])
    graph = TemporalGraph([0, 1, 2], [1, 2, 0], t)
    assert graph.snapshots(every="1 month").num_events.tolist() == [2, 1]
