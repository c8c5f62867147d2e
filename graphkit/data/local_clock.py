"""The local clock of a time zone: its offset from UTC at every time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.time_unit import TimeUnit

__all__ = ["local_ticks"]

_SECOND = 10**9  # nanoseconds
_FIRST, _LAST = "1900-01-01", "2200-01-01"  # before and after this range, the offset is constant


def local_ticks(t: Tensor, time_unit: TimeUnit, time_zone: str) -> tuple[Tensor, TimeUnit]:
    """Convert times in UTC to the local clock of a time zone.

    Args:
        t: int64 or float64 ``[...]``, ticks since 1970-01-01 00:00 UTC.
        time_unit: Unit of one tick.
        time_zone: Name of the zone, such as ``"Europe/Berlin"``.

    Returns:
        Ticks since 1970-01-01 00:00 of the local clock, ``[...]``, and their unit: seconds where
        the ticks are longer, as offsets from UTC need not be whole numbers of them.
    """
    nanoseconds = time_unit.nanoseconds
    if nanoseconds > _SECOND:
        t, time_unit, nanoseconds = t * (nanoseconds // _SECOND), TimeUnit("s"), _SECOND
    per_second = _SECOND // nanoseconds
    changes, offsets = _offsets(time_zone)
    seconds = torch.div(t, per_second, rounding_mode="floor")
    place = torch.searchsorted(changes.to(t.device), seconds.to(torch.int64), right=True)
    return t + offsets.to(t.device)[place] * per_second, time_unit


@lru_cache(maxsize=16)
def _offsets(time_zone: str) -> tuple[Tensor, Tensor]:
    """Times at which the offset of a zone changes, int64 ``[K]`` in seconds of UTC, and the
    offsets before, between and after them, int64 ``[K + 1]`` in seconds."""
    day = 86_400
    start, stop = (np.datetime64(d, "s").astype(np.int64) for d in (_FIRST, _LAST))
    grid = np.arange(start, stop, day)
    offset = _offset(grid, time_zone)
    low = grid[:-1][offset[1:] != offset[:-1]]
    high = low + day
    while (high - low > 1).any():  # the change lies in (low, high]
        middle = (low + high) // 2
        before = _offset(middle, time_zone) == _offset(low, time_zone)
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    found = np.concatenate([offset[:1], _offset(high, time_zone)])
    return torch.from_numpy(high), torch.from_numpy(found)


def _offset(seconds: np.ndarray, time_zone: str) -> np.ndarray:
    """Offsets from UTC in seconds at times of UTC in seconds."""
    utc = pd.DatetimeIndex(seconds.astype("datetime64[s]"))
    local = utc.tz_localize("UTC").tz_convert(time_zone).tz_localize(None)
    return ((local - utc) // pd.Timedelta(1, "s")).to_numpy(dtype=np.int64)
