"""The clock of a graph, kept apart from it: reads and writes times of later tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graphkit.data.convert.dates import parse_dates, read_times, tick_dates
from graphkit.data.ticks import convert_ticks
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["Clock"]


@dataclass(frozen=True)
class Clock:
    """How a graph counts time.

    Attributes:
        time_unit: What one tick is.
        dtype: ``"int64"`` or ``"float64"``.
        dates: Whether ticks count from 1970-01-01 UTC.
        time_zone: Zone that dates are read and written in; ``None`` for dates without a zone.
    """

    time_unit: str = "s"
    dtype: str = "int64"
    dates: bool = False
    time_zone: str | None = None

    @classmethod
    def of(cls, graph: TemporalGraph, *, signal: bool = False) -> Clock:
        """The clock of a graph's events, or of its signal."""
        t = graph.signal_t if signal else graph.t
        dtype = str(t.dtype).removeprefix("torch.")
        return cls(str(graph.time_unit), dtype, graph.dates, graph.time_zone)

    def read(self, column: pd.Series, name: str, time_unit: str | None = None) -> np.ndarray:
        """A column of times as ticks.

        Args:
            column: Dates (or ISO texts of them) if the graph's times were dates; or numbers.
            name: Name for messages.
            time_unit: Unit of numbers, if it is another.

        Raises:
            GraphError: Times are of another kind than the graph's, one is missing, or cannot be
                told in its unit without rounding.
        """
        column = pd.Series(column)
        if not len(column):  # an empty column has no type to go by
            return np.empty(0, dtype=self.dtype)
        text = column.dtype == object or isinstance(column.dtype, pd.StringDtype)
        if text and self.dates:
            column = parse_dates(column, name)
        if column.dtype.kind == "M":
            self._check_dates(column, name)
            return read_times(column, name, self.time_unit).values
        times = read_times(column, name, None if column.dtype.kind == "m" else time_unit)
        unit = times.unit if column.dtype.kind == "m" else TimeUnit(time_unit or self.time_unit)
        return convert_ticks(times.values, unit, TimeUnit(self.time_unit), self.dtype, name)

    def write(self, ticks: Any) -> Any:
        """Ticks as the graph's source had them: dates (in their zone) or numbers."""
        ticks = np.asarray(ticks)
        if not self.dates:
            return ticks
        found = pd.DatetimeIndex(tick_dates(ticks, TimeUnit(self.time_unit)))
        if self.time_zone is None:
            return found
        return found.tz_localize("UTC").tz_convert(self.time_zone)

    def write_one(self, ticks: Any) -> Any:
        """One time as the graph's source had it."""
        return self.write(np.asarray([ticks]))[0]

    def _check_dates(self, column: pd.Series, name: str) -> None:
        if not self.dates:
            raise GraphError(
                name,
                "dates are given, but the graph's times are numbers",
                expected=f"numbers in '{self.time_unit}'",
                got=str(column.dtype),
                fix="If its numbers count from 1970-01-01 UTC, build the graph with dates=True.",
            )
        zoned = getattr(column.dt, "tz", None) is not None
        if zoned != (self.time_zone is not None):
            raise GraphError(
                name,
                "dates with a zone and dates without one cannot be compared",
                expected=f"dates in a zone, as in '{self.time_zone}'"
                if self.time_zone
                else "dates without a zone",
                got=str(column.dtype),
                fix=f"Use .dt.tz_localize({self.time_zone!r}).",
            )
