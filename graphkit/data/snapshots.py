"""The snapshot view: a stream cut into intervals of time, one PyG ``Data`` each."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.coalesce import EdgeColumns, column_reductions
from graphkit.data.intervals import interval_bounds
from graphkit.data.node_values import NodeValues
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["Snapshots", "snapshots"]


class Snapshots(Sequence[Data]):
    """The snapshots of a graph, as a sequence. Made by :meth:`TemporalGraph.snapshots`.

    ``s[i]`` and iteration give PyG ``Data`` with

    - ``edge_index`` int64 ``[2, P]``, without parallel edges, sorted by source, then destination
      (edges of different ``edge_type`` stay apart and are sorted by type last);
    - ``edge_weight`` ``[P]``, always there: an event without a weight weighs 1;
    - ``edge_attr``, ``edge_y``, ``edge_type`` ``[P, ...]`` if the graph has them;
    - ``x``, ``y``, ``node_type`` and ``num_nodes``: static columns, or the last node event of each
      node before the interval's end, see :meth:`NodeValues.write`;
    - ``t``, the interval ``(start, end)``, half open, in ticks.

    Intervals one by one: the edges of all steps are computed once when the sequence is made,
    with one stable sort, and every ``Data`` is a slice of the same tensors, ``O(E)`` memory for
    the whole sequence. Cumulative: the events are sorted once, and a step selects and reduces
    its events when it is asked for, ``O(E)`` time each without another sort; the sequence keeps
    ``O(E)`` memory and every ``Data`` owns its edges.

    ``s[a:b]`` is a shorter sequence that shares everything.

    Attributes:
        start: Where each interval begins, ``[S]`` numpy array.
        end: Where each interval ends, ``[S]``.
        num_events: Events in each interval, int64 ``[S]`` (for cumulative ones, up to its end).
        cumulative: Whether a snapshot holds everything up to its interval's end.
    """

    def __init__(
        self,
        edges: _IntervalEdges | _CumulativeEdges,
        nodes: NodeValues,
        start: np.ndarray,
        end: np.ndarray,
        num_events: np.ndarray,
        step: np.ndarray,
    ) -> None:
        self._edges, self._nodes, self._step = edges, nodes, step
        self.start, self.end, self.num_events = start, end, num_events

    @property
    def num_nodes(self) -> int:
        """Number of nodes, the same at every step."""
        return self._nodes.num_nodes

    @property
    def cumulative(self) -> bool:
        """Whether a snapshot holds everything up to its interval's end."""
        return isinstance(self._edges, _CumulativeEdges)

    def __len__(self) -> int:
        return len(self._step)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            parts = (self.start, self.end, self.num_events, self._step)
            return Snapshots(self._edges, self._nodes, *(part[index] for part in parts))
        try:
            index = operator.index(index)
        except TypeError:
            raise TypeError(
                f"snapshots are numbered 0 to {len(self) - 1}; {index!r} is not a whole number"
            ) from None
        if not -len(self) <= index < len(self):
            raise IndexError(f"snapshot {index} of {len(self)} snapshots")
        return self._build(index % len(self))

    def __iter__(self) -> Iterator[Data]:
        return (self._build(i) for i in range(len(self)))

    def _build(self, index: int) -> Data:
        end = self.end[index].item()
        data = Data(**self._edges.take(int(self._step[index])), num_nodes=self.num_nodes)
        data.t = (self.start[index].item(), end)
        self._nodes.write(data, end)
        return data

    def __repr__(self) -> str:
        span = f"{self.start[0]} <= t < {self.end[-1]}" if len(self) else "none"
        kind = "cumulative, " if self.cumulative else ""
        return f"Snapshots({len(self)} steps, {kind}{self.num_nodes} nodes, {span})"


def snapshots(
    graph: TemporalGraph,
    every: str | int | float | None = None,
    count: int | None = None,
    at: Any = None,
    cumulative: bool = False,
    reduce: str | Mapping[str, str] = "sum",
    empty: str = "keep",
    origin: str | int | float = "first",
    symmetric: bool = False,
    columns: Sequence[str] | None = None,
) -> Snapshots:
    """Cut a graph into intervals; see :meth:`TemporalGraph.snapshots`.

    Args:
        graph: A graph with events.
        every: Length of an interval: a duration (``"1d"``), a number of ticks, or a span of the
            calendar (``"1 month"``, ``"1 quarter"``, ``"1 year"``), which begins at midnight.
        count: Number of intervals, of equal length in time to one tick. They need not hold equally
            many events.
        at: Boundaries, increasing, ``[S + 1]``, in ticks or as dates (``datetime64``). Interval
            ``i`` is ``at[i] <= t < at[i + 1]``; events outside of all intervals are left out.
        cumulative: Each snapshot holds every event from the first boundary to its interval's end.
        reduce: How parallel edges become one: ``"sum"``, ``"mean"``, ``"last"``, or ``"count"``
            (``edge_weight`` is the number of events, ``edge_attr`` is left out); or a dict with
            one of these for each of ``edge_weight``, ``edge_attr``, ``edge_y`` (``"last"`` unless
            given). An event without a weight weighs 1.
        empty: Intervals without an event of their own: ``"keep"``, ``"skip"`` or ``"raise"``.
        origin: Where the first interval of ``every`` begins: ``"first"`` (at the first event),
            ``"epoch"`` (at a multiple of ``every``: days begin at midnight UTC), ``"midnight"``
            (days and weeks of the calendar, on the local clock of the graph's ``time_zone``: 23 or
            25 hours long where it changes; weeks begin on Monday), or a time.
        symmetric: Whether to add every event in the other direction.
        columns: Names of the edge columns to keep (``"edge_attr"``, ``"edge_y"``, ``"edge_type"``);
            all of them if ``None``. Without ``"edge_type"`` edges of different types are parallel;
            without ``"edge_weight"`` an event weighs 1.

    Raises:
        GraphError: Not exactly one of ``every``, ``count``, ``at`` is given; the graph has no
            events; an interval is empty and ``empty="raise"``; an option is unknown.
    """
    bounds = interval_bounds(graph, every, count, at, origin)
    reductions = column_reductions(reduce)
    if empty not in ("keep", "skip", "raise"):
        raise GraphError("empty", "unknown", expected="'keep', 'skip' or 'raise'", got=repr(empty))
    offsets = torch.searchsorted(graph.t, torch.from_numpy(bounds).to(graph.t.device))
    stops = offsets.cpu().numpy()
    num_events = np.diff(stops)
    step = np.arange(len(num_events))
    if empty != "keep":
        filled = num_events > 0
        if empty == "raise" and not filled.all():
            first = int(np.argmin(filled))
            raise GraphError(
                "empty",
                "an interval has no event",
                row=first,
                got=f"{bounds[first]} <= t < {bounds[first + 1]}",
                fix="Use longer intervals, or empty='skip' or 'keep'.",
            )
        step = step[filled]
    inside = graph[int(stops[0]) : int(stops[-1])]
    edge_columns = EdgeColumns(inside, reductions, symmetric, columns)
    if cumulative:
        edges = _CumulativeEdges(edge_columns, stops)
    else:
        edges = _IntervalEdges(edge_columns, offsets, stops)
    if cumulative:
        num_events = stops[1:] - stops[0]
    return Snapshots(
        edges, NodeValues(graph), bounds[:-1][step], bounds[1:][step], num_events[step], step
    )


class _IntervalEdges:
    """Edges of every interval, computed at once and handed out as slices."""

    def __init__(self, columns: EdgeColumns, offsets: Tensor, stops: np.ndarray) -> None:
        groups = columns.group(torch.repeat_interleave(offsets.diff()), len(stops) - 1)
        self._columns = columns.reduced(groups)
        starts = (offsets - offsets[0]) * columns.repeats
        self._stops = torch.searchsorted(groups.first, starts).cpu().numpy()

    def take(self, step: int) -> dict[str, Tensor]:
        """Edge columns of one interval."""
        start, stop = int(self._stops[step]), int(self._stops[step + 1])
        return {
            name: column[:, start:stop] if name == "edge_index" else column[start:stop]
            for name, column in self._columns.items()
        }


class _CumulativeEdges:
    """Edges of everything up to a step: sorted once, selected and reduced per step."""

    def __init__(self, columns: EdgeColumns, stops: np.ndarray) -> None:
        self._columns, self._groups = columns, columns.group()
        self._stops = (stops - stops[0]) * columns.repeats

    def take(self, step: int) -> dict[str, Tensor]:
        """Edge columns of everything up to the end of one interval."""
        return self._columns.reduced(self._groups.before(int(self._stops[step + 1])))
