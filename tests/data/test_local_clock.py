"""Local clocks against pandas, one time after the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit.data.covariates import calendar_days, time_covariates
from graphkit.data.local_clock import local_ticks
from graphkit.data.time_unit import TimeUnit

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC",
         "UTC+01:00", "Pacific/Apia"]  # fmt: skip
SECONDS = st.integers(-(2**31), 4 * 10**9)


@given(st.lists(SECONDS, min_size=1, max_size=20), st.sampled_from(ZONES))
def test_any_time_in_any_zone(seconds: list[int], zone: str) -> None:
    expected = [pd.Timestamp(s, unit="s", tz="UTC").tz_convert(zone) for s in seconds]
    ticks, unit = local_ticks(torch.tensor(seconds), TimeUnit("s"), zone)
    naive = [int(e.tz_localize(None).timestamp()) for e in expected]
    assert str(unit) == "s"
    assert ticks.tolist() == naive
    found = time_covariates(torch.tensor(seconds), "s", time_zone=zone)
    clock = [(e.hour * 3600 + e.minute * 60 + e.second) / 86_400 for e in expected]
    np.testing.assert_allclose(found[:, 0], clock, atol=1e-6)
    assert found[:, 1].tolist() == [e.day_of_week for e in expected]
    days = calendar_days(torch.tensor(seconds), "s", time_zone=zone)
    midnight = [int(e.tz_localize(None).normalize().timestamp()) // 86_400 for e in expected]
    assert days.tolist() == midnight


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s", "m", "h"])
@pytest.mark.parametrize("date", ["2024-03-31", "2024-10-27"])
def test_the_hours_of_a_clock_change_in_every_unit(unit: str, date: str) -> None:
    """The hour that is skipped, and the one that comes twice."""
    times = pd.date_range(date, periods=30, freq="1h", tz="UTC")
    ticks = times.as_unit("ns").asi8 // TimeUnit(unit).nanoseconds
    found = time_covariates(torch.from_numpy(ticks), unit, time_zone="Europe/Berlin")
    hours = times.tz_convert("Europe/Berlin").hour
    assert (found[:, 0] * 24).round().tolist() == hours.tolist()
    plain = time_covariates(torch.from_numpy(ticks), unit)
    assert not torch.equal(found, plain)
