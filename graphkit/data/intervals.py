"""Boundaries of intervals in time: by length, by number, or given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from graphkit.data.calendar import CalendarSpan
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["interval_bounds"]

_MOST = 50_000_000  # intervals; more suggest a span in the wrong unit
_INT64_MAX = 2**63 - 1


def interval_bounds(
    graph: TemporalGraph,
    every: str | int | float | None,
    count: int | None,
    at: Any,
    origin: str | int | float,
) -> np.ndarray:
    """Boundaries ``[S + 1]`` of half-open intervals, in the dtype of the graph's times.

    With ``every`` and ``count`` the intervals cover all events of the graph.

    Raises:
        GraphError: See :func:`graphkit.data.snapshots.snapshots`.
    """
    given = [n for n, v in (("every", every), ("count", count), ("at", at)) if v is not None]
    if len(given) != 1:
        raise GraphError(
            "snapshots",
            "give exactly one of every=, count= and at=",
            got=" and ".join(given) or "none",
        )
    if len(graph) == 0:
        raise GraphError("t", "a graph without events has no snapshots")
    if every is not None:
        span = CalendarSpan.of(every, origin, graph.time_unit, graph.time_zone)
        return _by_length(graph, every, origin) if span is None else _by_calendar(graph, span)
    if not (isinstance(origin, str) and origin == "first"):
        raise GraphError("origin", "it goes with every= only", got=repr(origin))
    return _by_count(graph, count) if count is not None else _given(graph, at)


def _by_length(
    graph: TemporalGraph, every: str | int | float, origin: str | int | float
) -> np.ndarray:
    whole = not graph.t.is_floating_point()
    length = graph.time_unit.ticks(every, whole=whole)
    first, last = graph.t_min, graph.t_max
    start = _origin(origin, first, length, whole)
    number = (last - start) // length + 1
    if number > _MOST:
        raise GraphError(
            "every",
            f"{every!r} makes {number:,.0f} intervals of a span of {last - start:,} ticks",
            expected=f"at most {_MOST:,}",
            fix=f"Use a longer span; one tick of this graph is 1 {graph.time_unit}.",
        )
    number = int(number)
    if whole:
        if start + number * length > _INT64_MAX:
            raise GraphError("every", "the last interval ends beyond int64", got=repr(every))
        return start + length * np.arange(number + 1, dtype=np.int64)
    bounds = start + length * np.arange(number + 2)
    bounds = bounds[: int(np.searchsorted(bounds, last, side="right")) + 1]
    return _increasing(bounds, "every", every)


def _by_calendar(graph: TemporalGraph, span: CalendarSpan) -> np.ndarray:
    first, last = (int(n) for n in span.number_of([graph.t_min, graph.t_max]))
    if last - first >= _MOST:
        raise GraphError("every", "too many intervals", expected=f"at most {_MOST:,}")
    bounds = span.begin(np.arange(first, last + 2))
    return bounds.astype(np.float64) if graph.t.is_floating_point() else bounds


def _origin(
    origin: str | int | float, first: int | float, length: int | float, whole: bool
) -> int | float:
    if isinstance(origin, str):
        if origin == "first":
            return first
        if origin == "epoch":
            return first // length * length
        raise GraphError(
            "origin", "unknown", expected="'first', 'epoch', 'midnight' or a time", got=origin
        )
    origin = _number(origin, "origin", whole)
    if origin > first:
        raise GraphError(
            "origin",
            "it lies after the first event",
            expected=f"at most {first}",
            got=origin,
            fix="Use an earlier origin, or slice the graph with between() first.",
        )
    return origin


def _by_count(graph: TemporalGraph, count: int) -> np.ndarray:
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise GraphError("count", "not a number of intervals", expected="an integer > 0", got=count)
    count = int(count)
    if count > _MOST:
        raise GraphError("count", "too many intervals", expected=f"at most {_MOST:,}", got=count)
    first, last = graph.t_min, graph.t_max
    if graph.t.is_floating_point():
        bounds = np.linspace(first, last, count + 1)
        bounds[-1] = np.nextafter(last, np.inf)
        return _increasing(bounds, "count", count)
    width = last + 1 - first
    if width > _INT64_MAX:
        raise GraphError("t", "the span of time does not fit in int64", got=width)
    if count > width:
        raise GraphError(
            "count",
            "an interval would be shorter than one tick",
            expected=f"at most {width} intervals, one per tick",
            got=count,
        )
    # first + width * i // count, without the product: it may not fit in int64.
    part, rest = divmod(width, count)
    i = np.arange(count + 1, dtype=np.int64)
    return first + part * i + rest * i // count


def _given(graph: TemporalGraph, at: Any) -> np.ndarray:
    whole = not graph.t.is_floating_point()
    bounds = at.detach().cpu().numpy() if isinstance(at, Tensor) else np.asarray(at)
    if bounds.dtype.kind == "M":
        from graphkit.data.convert.dates import date_ticks

        bounds = date_ticks(bounds, graph.time_unit, "at")
    if bounds.ndim != 1 or len(bounds) < 2 or bounds.dtype.kind not in "iuf":
        raise GraphError(
            "at",
            "not a list of boundaries",
            expected="at least two increasing times",
            got=f"{bounds.dtype} of shape {list(bounds.shape)}",
        )
    if bounds.dtype.kind == "f" and not np.isfinite(bounds).all():
        row = int(np.argmin(np.isfinite(bounds)))
        raise GraphError("at", "a boundary is not finite", row=row, got=bounds[row])
    if whole and bounds.dtype.kind == "f":
        bounds = np.ceil(bounds)  # t < 2.5 holds for the integers below 3
    return _increasing(bounds.astype(np.int64 if whole else np.float64), "at", None)


def _increasing(bounds: np.ndarray, column: str, value: object) -> np.ndarray:
    still = bounds[1:] <= bounds[:-1]
    if still.any():
        row = int(np.argmax(still)) + 1
        raise GraphError(
            column,
            "boundaries of intervals must increase"
            if value is None
            else f"{value!r} makes intervals too short for float64 times of this size",
            row=row,
            expected=f"more than {bounds[row - 1]}",
            got=bounds[row],
        )
    return bounds


def _number(value: Any, column: str, whole: bool) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise GraphError(column, "not a time", expected="a number of ticks", got=repr(value))
    if not math.isfinite(value) or (whole and int(value) != value):
        raise GraphError(column, "not a time on this clock", got=repr(value))
    return int(value) if whole else float(value)
