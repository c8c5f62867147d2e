"""Time of day and day of week against Python's calendar."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError
from graphkit.data.covariates import calendar_days, ticks_per_day, time_covariates

_EPOCH = datetime(1970, 1, 1)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def calendar(moment: datetime) -> list[float]:
    midnight = datetime(moment.year, moment.month, moment.day)
    return [(moment - midnight) / timedelta(days=1), float(moment.weekday())]


@given(st.integers(-(10**9), 4 * 10**9), st.sampled_from(["s", "m", "h", "d", "w", "ms", "ns"]))
def test_against_the_calendar(seconds: int, unit: str) -> None:
    per = {"ms": 1e-3, "ns": 1e-9}.get(unit) or _SECONDS[unit]
    ticks = seconds * round(1 / per) if per < 1 else seconds // per
    moment = _EPOCH + timedelta(seconds=seconds if per < 1 else ticks * per)
    for t in (torch.tensor([ticks]), torch.tensor([ticks], dtype=torch.float64)):
        if unit == "ns" and t.is_floating_point():
            continue  # a float64 of so many nanoseconds is not exact
        found = time_covariates(t, unit)
        assert found.dtype == torch.float32
        assert found[0].tolist() == pytest.approx(calendar(moment), abs=1e-6)


def test_from_a_start() -> None:
    t = torch.arange(0, 3 * 288).view(3, 288) * 5
    found = time_covariates(t, "m", start="2012-03-01T01:30")
    assert found.shape == (3, 288, 2)
    for day in range(3):
        for step in (0, 1, 100, 287):
            moment = datetime(2012, 3, 1, 1, 30) + timedelta(days=day, minutes=5 * step)
            assert found[day, step].tolist() == pytest.approx(calendar(moment), abs=1e-6)
    same = time_covariates(t, "m", start=datetime(2012, 3, 1, 1, 30))
    assert torch.equal(found, same)


def test_time_of_day_is_below_one() -> None:
    last = torch.tensor([86_400 * 10**9 - 1, 86_400 * 10**9])
    assert time_covariates(last, "ns")[:, 0].tolist() == [1 - 2**-24, 0.0]
    far = torch.tensor([2**62, -(2**62)])
    found = time_covariates(far, "ns", start="2100-01-01")
    assert bool(((found[:, 0] >= 0) & (found[:, 0] < 1)).all())
    assert bool(((found[:, 1] >= 0) & (found[:, 1] < 7)).all())


def test_names() -> None:
    t = torch.tensor([3 * 86_400 + 3600])
    assert time_covariates(t, "s", names=("day_of_week",)).tolist() == [[6.0]]
    both = time_covariates(t, "s", names=("day_of_week", "time_of_day"))
    assert torch.equal(both.flip(-1), time_covariates(t, "s"))
    assert ticks_per_day("h") == 24
    assert ticks_per_day("w") * 7 == 1


def test_what_is_refused() -> None:
    t = torch.tensor([0])
    with pytest.raises(GraphError, match="no time of day"):
        time_covariates(t, "step")
    with pytest.raises(GraphError, match="not a date"):
        time_covariates(t, "s", start="yesterday")
    with pytest.raises(GraphError, match="whole number of ticks"):
        time_covariates(t, "h", start="2012-03-01T01:30")
    with pytest.raises(GraphError, match="time_of_day"):
        time_covariates(t, "s", names=("time_of_dya",))


@given(st.dates(datetime(1950, 1, 1).date(), datetime(2100, 1, 1).date()), st.integers(-3, 3))
def test_holidays_are_sundays(day, shift) -> None:
    """Only the days given change, on any clock, with and without a start."""
    first = datetime(day.year, day.month, day.day) - timedelta(days=3)
    hours = torch.arange(24 * 7) + 24 * (first - _EPOCH).days
    plain = time_covariates(hours, "h")
    free = time_covariates(hours, "h", holidays=[str(day), "2150-01-01"])
    changed = torch.arange(24 * 7) // 24 == 3
    assert torch.equal(free[~changed], plain[~changed])
    assert torch.equal(free[:, 0], plain[:, 0])
    assert bool((free[changed, 1] == 6).all())
    start = first + timedelta(hours=shift)
    begun = time_covariates(torch.arange(24 * 7) - shift, "h", start=start, holidays=[day])
    assert torch.equal(begun, free)
    weeks = time_covariates(torch.tensor([2, 3]), "w", holidays=["1970-01-15"])
    assert weeks.tolist() == [[0, 6], [0, 3]]


@pytest.mark.parametrize("wrong", ["new year", "2024-01", 17897, None])
def test_a_holiday_that_is_no_date(wrong) -> None:
    with pytest.raises(GraphError, match="holidays"):
        time_covariates(torch.arange(3), "h", holidays=[wrong])


def test_calendar_days() -> None:
    t = torch.tensor([-1, 0, 23, 24, 47.5])
    assert calendar_days(t, "h").tolist() == [-1, 0, 0, 1, 1]
    found = calendar_days(torch.tensor([0, 2]), "h", start="2024-01-06T23:00")
    assert found.tolist() == [19728, 19729]
    assert found.dtype == torch.int64
