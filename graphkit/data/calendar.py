"""Spans of the calendar: days, weeks, months and years of a local clock, which differ in length."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from graphkit.data.local_clock import local_ticks
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

__all__ = ["CalendarSpan"]

_NAMES = {
    "day": ("D", 1), "week": ("W", 1), "month": ("M", 1), "quarter": ("M", 3), "year": ("M", 12),
}  # fmt: skip
_SPAN = re.compile(r"^\s*(\d+)?\s*(day|week|month|quarter|year)s?\s*$")
_SHORT = {"d": "day", "w": "week"}
_DAY = 86_400


@dataclass(frozen=True)
class CalendarSpan:
    """A number of days, weeks, months or years.

    Spans are numbered: span 0 of months begins with 1970, span 0 of days with 1970-01-01, span 0 of
    weeks with the Monday before it. They begin at midnight of the local clock.

    Args:
        unit: ``"D"``, ``"W"`` (from Monday on) or ``"M"``.
        length: Number of units per span; longer spans begin at multiples of ``length``.
        time_unit: Unit of one tick.
        time_zone: Zone of the local clock, where ticks are UTC. ``None``: ticks are local.
    """

    unit: str
    length: int
    time_unit: str
    time_zone: str | None = None

    @classmethod
    def of(
        cls, every: Any, origin: Any, time_unit: TimeUnit, time_zone: str | None
    ) -> CalendarSpan | None:
        """The span that ``every`` and ``origin`` define, ``None`` if its length is fixed.

        Months, quarters and years are always spans of the calendar; days and weeks only with
        ``origin="midnight"``.

        Raises:
            GraphError: ``origin="midnight"`` is combined with another span, months are combined
                with another origin, or the clock has no dates.
        """
        text = every if isinstance(every, str) else ""
        match = _SPAN.match(_short(text).lower())
        midnight = isinstance(origin, str) and origin == "midnight"
        fixed = match is None or match[2] in ("day", "week")
        if fixed and not midnight:
            return None
        if match is None:
            raise GraphError(
                "origin", "'midnight' goes with days, weeks, months and years", got=repr(every)
            )
        if not midnight and not (isinstance(origin, str) and origin == "first"):
            raise GraphError(
                "origin", f"{every!r} begins at midnight", expected="'midnight'", got=repr(origin)
            )
        if time_unit.nanoseconds is None or time_unit.nanoseconds > 3600 * 10**9:
            raise GraphError(
                "every",
                f"a clock that ticks in '{time_unit}' does not tell when a day begins",
                got=repr(every),
                fix="Build the graph with its real time unit, hours or finer.",
            )
        unit, times = _NAMES[match[2]]
        length = int(match[1] or 1) * times
        if length < 1:
            raise GraphError("every", "a span must be positive", got=repr(every))
        return cls(unit, length, str(time_unit), time_zone)

    def number_of(self, t: Any) -> np.ndarray:
        """Numbers of the spans that contain given times, int64.

        Args:
            t: Ticks, an array or one number.
        """
        ticks, unit = torch.as_tensor(np.asarray(t)), TimeUnit(self.time_unit)
        if self.time_zone is not None:
            ticks, unit = local_ticks(ticks, unit, self.time_zone)
        days = torch.div(ticks, _DAY * 10**9 // unit.nanoseconds, rounding_mode="floor")
        days = days.to(torch.int64).numpy()
        if self.unit == "D":
            return days // self.length
        if self.unit == "W":
            return (days + 3) // 7 // self.length  # 1970-01-01 was a Thursday
        return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // self.length

    def begin(self, number: Any) -> np.ndarray:
        """First ticks of spans, int64.

        Args:
            number: Numbers of spans, int64.
        """
        number = np.asarray(number, dtype=np.int64) * self.length
        if self.unit == "D":
            days = number
        elif self.unit == "W":
            days = number * 7 - 3
        else:
            days = number.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        local = pd.DatetimeIndex((days.ravel() * _DAY).astype("datetime64[s]"))
        if self.time_zone is not None:  # midnight may be skipped: the day begins after it then
            local = local.tz_localize(
                self.time_zone, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward"
            ).tz_convert("UTC").tz_localize(None)  # fmt: skip
        seconds = local.as_unit("s").asi8.reshape(days.shape)
        nanoseconds = TimeUnit(self.time_unit).nanoseconds
        if nanoseconds >= 10**9:
            return -(-seconds // (nanoseconds // 10**9))  # the first tick that is not before it
        return seconds * (10**9 // nanoseconds)


def _short(text: str) -> str:
    """``"1d"`` and ``"2w"`` in words."""
    match = re.match(r"^\s*(\d*)\s*([dwDW])\s*$", text)
    return f"{match[1]} {_SHORT[match[2].lower()]}" if match else text
