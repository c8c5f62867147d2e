"""Dates and spans of numpy as whole ticks of a graph's clock, and back. Nothing is rounded."""

from __future__ import annotations

import numpy as np

from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

__all__ = ["coarsest_unit", "date_ticks", "tick_dates"]

_NUMPY = {"ns": "ns", "us": "us", "ms": "ms", "s": "s", "m": "m", "h": "h", "d": "D", "w": "W"}


def date_ticks(values: np.ndarray, unit: TimeUnit, column: str) -> np.ndarray:
    """Dates (or spans) as ticks since 1970-01-01 UTC (or as lengths).

    Args:
        values: ``datetime64`` or ``timedelta64`` array.
        unit: The clock.
        column: Name for messages.

    Returns:
        int64 array.

    Raises:
        GraphError: A date is missing; the clock only orders events; or a date is not a whole
            number of ticks.
    """
    missing = np.isnat(values)
    if missing.any():
        raise GraphError(
            column,
            "a date is missing",
            row=int(np.argmax(missing)),
            expected="a date",
            got="NaT",
            fix="Drop or mend these rows.",
        )
    if unit.name not in _NUMPY:
        raise GraphError(
            column,
            f"dates cannot be told in '{unit}'",
            expected=f"a time unit with a length: {', '.join(_NUMPY)}",
        )
    ticks = values.astype(f"{values.dtype.kind}8[{_NUMPY[unit.name]}]")
    broken = ticks.astype(values.dtype) != values
    if broken.any():
        row = int(np.argmax(broken))
        finest = coarsest_unit(values)
        raise GraphError(
            column,
            f"a date is not a whole number of ticks of '{unit}'",
            row=row,
            got=values[row],
            fix=f"Use time_unit='{finest}'.",
        )
    return ticks.astype(np.int64)


def coarsest_unit(values: np.ndarray) -> TimeUnit:
    """The coarsest of s, ms, us, ns in which every date is whole; missing dates do not count."""
    values = values[~np.isnat(values)]
    for name in ("s", "ms", "us"):
        if (values.astype(f"{values.dtype.kind}8[{name}]").astype(values.dtype) == values).all():
            return TimeUnit(name)
    return TimeUnit("ns")


def tick_dates(ticks: np.ndarray, unit: TimeUnit) -> np.ndarray:
    """Ticks since 1970-01-01 UTC as ``datetime64``.

    Raises:
        GraphError: The clock only orders events, or its times are not whole.
    """
    if unit.name not in _NUMPY or ticks.dtype.kind == "f":
        raise GraphError(
            "t",
            f"times in '{unit}' of type {ticks.dtype} are no dates",
            expected="int64 times in a unit with a length",
            fix="Pass dates=False.",
        )
    dates = ticks.astype(f"M8[{_NUMPY[unit.name]}]")
    return dates.astype("M8[s]") if unit.name in ("m", "h", "d", "w") else dates
