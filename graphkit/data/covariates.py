"""Covariates of time: time of day and day of week, computed from the ticks alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.checks import check_choice
from graphkit.data.local_clock import local_ticks
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

__all__ = ["COVARIATES", "calendar_days", "ticks_per_day", "time_covariates"]

COVARIATES = ("time_of_day", "day_of_week")
_DAY = 86_400 * 10**9  # nanoseconds
_THURSDAY = 3  # 1970-01-01, where Monday is 0


def time_covariates(
    t: Tensor,
    time_unit: TimeUnit | str,
    *,
    start: Any = None,
    names: Sequence[str] = COVARIATES,
    holidays: Sequence[Any] = (),
    time_zone: str | None = None,
) -> Tensor:
    """Time of day in ``[0, 1)`` and day of week ``0..6`` (Monday is 0) of every time.

    They do not depend on the node and are not copied into a signal; models that use them receive
    them as a separate argument.

    Args:
        t: int64 or float64 ``[...]``, ticks since 1970-01-01 00:00, or since ``start``: of the
            local clock, or with ``time_zone`` of UTC.
        time_unit: What one tick is.
        start: The date and time of tick 0, such as ``"2012-03-01"`` or a ``datetime``.
        names: Names of the covariates, in order.
        holidays: Dates that count as Sundays: ISO dates such as ``"2024-01-01"``, or date objects.
        time_zone: Zone whose local clock determines day and time, such as ``"Europe/Berlin"``,
            including changes between summer and winter time.

    Returns:
        float32 ``[..., len(names)]``.

    Raises:
        GraphError: The clock only orders events (``"step"``), or ``start`` or a holiday is not a
            date.
        UnknownNameError: A covariate is unknown.

    Example:
        >>> time_covariates(torch.tensor([0, 6]), "h", start="2024-01-01")  # a Monday
        tensor([[0.0000, 0.0000],
                [0.2500, 0.0000]])
    """
    for name in names:
        check_choice(name, "covariate", COVARIATES)
    day, rest, ticks = _date_and_rest(t, time_unit, start, time_zone)
    weekday = (day + _THURSDAY).remainder(7)
    if len(holidays):
        free = torch.tensor([_date(h) for h in holidays], device=day.device)
        weekday = weekday.masked_fill(torch.isin(day, free), 6)
    columns = {
        # A float32 of nearly 1 must not become 1.
        "time_of_day": (rest.double() / ticks).float().clamp(max=1 - 2**-24),
        "day_of_week": weekday.float(),
    }
    return torch.stack([columns[name] for name in names], dim=-1)


def calendar_days(
    t: Tensor, time_unit: TimeUnit | str, *, start: Any = None, time_zone: str | None = None
) -> Tensor:
    """Day of every time, int64 ``[...]``, counted from 1970-01-01.

    Args:
        t: Times, as in :func:`time_covariates`.
        time_unit: What one tick is.
        start: The date and time of tick 0.
        time_zone: Zone whose local clock determines the day.

    Raises:
        GraphError: The clock only orders events (``"step"``), or ``start`` is not a date.
    """
    return _date_and_rest(t, time_unit, start, time_zone)[0].long()


def ticks_per_day(time_unit: TimeUnit | str) -> Fraction:
    """Exact number of ticks per day.

    Raises:
        GraphError: The clock only orders events.
    """
    unit = time_unit if isinstance(time_unit, TimeUnit) else TimeUnit(time_unit)
    if unit.nanoseconds is None:
        raise GraphError(
            "time_unit",
            "a clock that only orders events ('step') has no time of day",
            fix="Build the graph with its real time unit, or do without covariates.",
        )
    return Fraction(_DAY, unit.nanoseconds)


def _date_and_rest(
    t: Tensor, time_unit: TimeUnit | str, start: Any, time_zone: str | None
) -> tuple[Tensor, Tensor, int]:
    """Days from 1970-01-01, ticks since midnight, and ticks of a day, on the local clock."""
    unit = time_unit if isinstance(time_unit, TimeUnit) else TimeUnit(time_unit)
    if time_zone is not None and unit.nanoseconds is not None:
        t, unit = local_ticks(t, unit, time_zone)
    day = ticks_per_day(unit)
    offset = _ticks_of(start, unit)
    if day.denominator != 1:  # a tick is longer than a day
        t, offset, day = t * day.denominator, offset * day.denominator, Fraction(day.numerator)
    ticks = int(day)
    days = torch.div(t, ticks, rounding_mode="floor")
    rest = t - days * ticks + offset % ticks  # below two days: nothing overflows or rounds
    more = torch.div(rest, ticks, rounding_mode="floor")
    return days + more + offset // ticks, rest - more * ticks, ticks


def _ticks_of(start: Any, unit: TimeUnit) -> int:
    """Ticks from 1970-01-01 to a date."""
    if start is None:
        return 0
    try:
        moment = np.datetime64(start, "ns")
    except (TypeError, ValueError):
        moment = np.datetime64("NaT")
    if np.isnat(moment):
        raise GraphError("start", "not a date", expected="such as '2012-03-01'", got=repr(start))
    nanoseconds = int(moment.astype(np.int64))
    if nanoseconds % unit.nanoseconds:
        raise GraphError(
            "start",
            f"not a whole number of ticks of '{unit}' after 1970-01-01",
            got=repr(start),
            fix="Use a finer time unit.",
        )
    return nanoseconds // unit.nanoseconds


def _date(day: Any) -> int:
    """Days from 1970-01-01 to a date: an ISO date, or an object with a year, a month and a day."""
    try:
        found = (
            date.fromisoformat(day) if isinstance(day, str) else date(day.year, day.month, day.day)
        )
    except (AttributeError, TypeError, ValueError):
        raise GraphError(
            "holidays", "not a date", expected="a list of dates such as '2024-01-01'", got=repr(day)
        ) from None
    return (found - date(1970, 1, 1)).days
