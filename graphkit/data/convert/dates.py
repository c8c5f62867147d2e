"""Dates and spans as whole ticks of a graph's clock, and back. Nothing is rounded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from graphkit.data.names import as_time_zone
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

__all__ = ["Times", "coarsest_unit", "date_ticks", "parse_dates", "read_times", "tick_dates"]


class Times(NamedTuple):
    """A column of times as numbers.

    Attributes:
        values: int64 or float64 ``[E]``.
        unit: What one tick is.
        dates: Whether the column held dates, so that ticks count from 1970-01-01 UTC.
        zone: The time zone of the dates, if they have one.
    """

    values: np.ndarray
    unit: TimeUnit
    dates: bool = False
    zone: str | None = None


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
            fix=f"Round it, or build the graph with time_unit='{finest}'.",
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


def read_times(
    column: pd.Series,
    name: str,
    unit: TimeUnit | str | None = None,
    zone: str | None = None,
    like: pd.Series | None = None,
) -> Times:
    """A column of numbers, dates or spans as times.

    Args:
        column: The times.
        name: Its name, for messages.
        unit: What one tick is. By default ``"s"``; for dates the coarsest of s, ms, us, ns in
            which all of them are whole.
        zone: Zone of dates without one; dates with a zone keep their instant.
        like: Another column whose dates must be whole in the default unit too.

    Raises:
        GraphError: Times are neither numbers nor dates, one is missing, a date is not a whole
            number of ticks, or a local date does not exist or is ambiguous in its zone.
    """
    unit = TimeUnit(unit) if isinstance(unit, str) else unit
    column = _without_categories(column)
    if column.dtype.kind in "Mm":
        values, found = _instants(column, name, zone)
        if unit is None:
            unit = coarsest_unit(values)
            if like is not None and _without_categories(like).dtype.kind in "Mm":
                other = coarsest_unit(_instants(_without_categories(like), name, zone)[0])
                unit = min(unit, other, key=lambda u: u.nanoseconds)
        dated = column.dtype.kind == "M"
        return Times(date_ticks(values, unit, name), unit, dated, found if dated else None)
    unit = unit or TimeUnit("s")
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind == "b":
        bad = pd.to_numeric(column, errors="coerce").isna().to_numpy()
        some = bad.any() and not bad.all()  # numbers, but for some rows
        row = int(bad.argmax()) if some else 0
        parse = f"Parse them first: events[{name!r}] = pandas.to_datetime(events[{name!r}])."
        raise GraphError(
            name,
            "a time is not a number" if some else "times are neither numbers nor dates",
            row=row,
            got=repr(column.iloc[row]),
            fix="Drop or mend these rows." if some else parse,
        )
    values = column.to_numpy()
    if values.dtype == object:  # a nullable type of pandas
        if column.isna().any():
            row = int(column.isna().to_numpy().argmax())
            raise GraphError(
                name,
                "a time is not finite",
                row=row,
                expected="a finite number",
                got="NA",
                fix="Drop or mend these rows.",
            )
        values = column.to_numpy(dtype=column.dtype.name.lower())
    return Times(values, unit, zone is not None, zone)


def parse_dates(column: pd.Series, name: str) -> pd.Series:
    """ISO 8601 texts as dates; offsets that change within the column give UTC.

    Raises:
        GraphError: A text is no date, or some have an offset from UTC and others have not.
    """
    try:
        return pd.to_datetime(column, format="ISO8601")
    except ValueError as error:
        text = column.astype(str)
        offset = text.str.contains(r"\d[T ].*(?:Z|[+-]\d\d(?::?\d\d)?)\s*$", regex=True)
        present = column.notna()
        if not offset[present].any():
            raise GraphError(name, f"a time is no ISO date: {error}") from error
        if not offset[present].all():
            row = int(np.argmax((present & (offset != offset[present].iloc[0])).to_numpy()))
            raise GraphError(
                name,
                "some dates have an offset from UTC and others have not",
                row=row,
                got=repr(column.iloc[row]),
                fix="Write all of them with their offset, such as 2024-03-31T12:00+02:00.",
            ) from error
    try:
        return pd.to_datetime(column, format="ISO8601", utc=True)
    except ValueError as error:
        raise GraphError(name, f"a time is no ISO date: {error}") from error


def _without_categories(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype)
    return column


def _instants(column: pd.Series, name: str, zone: str | None) -> tuple[np.ndarray, str | None]:
    """Dates as UTC without a zone, and the zone that they had or that was given."""
    if column.dtype.kind == "m":
        return column.to_numpy(), None
    given = getattr(column.dt, "tz", None)
    if given is None and zone is not None:
        local = column.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        wrong = (local.isna() & column.notna()).to_numpy()
        if wrong.any():
            row = int(np.argmax(wrong))
            raise GraphError(
                name,
                f"this local time does not exist or is ambiguous in '{zone}'",
                row=row,
                got=column.iloc[row],
                fix="Write dates with their offset from UTC.",
            )
        column = local
    elif given is not None:
        zone = zone or as_time_zone(given)
    if getattr(column.dt, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy(dtype=f"M8[{column.dt.unit}]"), zone
