"""The stream view: batches of events in time order."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.checks import check_count
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["EventBatch", "EventBatches"]


@dataclass(frozen=True, eq=False)
class EventBatch:
    """Consecutive events of a stream. Every tensor is a view of the graph's columns.

    Attributes:
        src: Source nodes, int64 ``[B]``.
        dst: Destination nodes, int64 ``[B]``.
        t: Times, int64 or float64 ``[B]``, not decreasing.
        event_id: int64 ``[B]``, row of each event in the graph's feature tables.
        edge_attr, edge_y, edge_weight, edge_type: ``[B, ...]`` or ``None``.
    """

    src: Tensor
    dst: Tensor
    t: Tensor
    event_id: Tensor
    edge_attr: Tensor | None = None
    edge_y: Tensor | None = None
    edge_weight: Tensor | None = None
    edge_type: Tensor | None = None

    def __len__(self) -> int:
        return self.src.numel()

    def __getitem__(self, rows: slice | Tensor) -> EventBatch:
        return EventBatch(*(None if v is None else v[rows] for v in self._values()))

    def to(self, device: torch.device | str, non_blocking: bool = False) -> EventBatch:
        """The same events on another device."""
        return EventBatch(
            *(
                None if v is None else v.to(device, non_blocking=non_blocking)
                for v in self._values()
            )
        )

    def _values(self) -> list[Tensor | None]:
        return [getattr(self, f.name) for f in fields(self)]

    def __repr__(self) -> str:
        span = f", t={self.t[0].item()}..{self.t[-1].item()}" if len(self) else ""
        return f"EventBatch({len(self)} events{span})"


class EventBatches:
    """The batches of a stream, with iteration, ``len()`` and indexing.

    Args:
        graph: The stream.
        size: Number of events per batch; the last batch may be smaller.
        every: Span of time per batch (``"1h"``, or ticks); intervals are counted from the first
            event, half open, and empty intervals yield no batch.

    Raises:
        GraphError: Neither or both of ``size`` and ``every`` are given, or one is not positive.
    """

    def __init__(
        self, graph: TemporalGraph, size: int | None = None, every: str | float | None = None
    ) -> None:
        if (size is None) == (every is None):
            raise GraphError(
                "size",
                "give exactly one of size= and every=",
                got="neither" if size is None else "both",
            )
        self._graph = graph
        self._size = None if size is None else check_count(size, "size", "not a batch size")
        self._bounds = None if every is None else _interval_bounds(graph, every)
        columns = graph.columns
        start, stop = graph.event_range
        names = [f.name for f in fields(EventBatch)]
        self._columns = [
            None if (v := getattr(columns, name)) is None else v[start:stop] for name in names
        ]

    def __len__(self) -> int:
        if self._bounds is not None:
            return len(self._bounds) - 1
        return -(-len(self._graph) // self._size)

    def __getitem__(self, index: int) -> EventBatch:
        count, index = len(self), operator.index(index)
        if not -count <= index < count:
            raise IndexError(f"batch {index} of {count}")
        return self._slice(*self._range(index % count))

    def __iter__(self) -> Iterator[EventBatch]:
        for index in range(len(self)):
            yield self._slice(*self._range(index))

    def _range(self, index: int) -> tuple[int, int]:
        if self._bounds is not None:
            return self._bounds[index], self._bounds[index + 1]
        start = index * self._size
        return start, start + self._size

    def _slice(self, start: int, stop: int) -> EventBatch:
        return EventBatch(*[None if v is None else v[start:stop] for v in self._columns])


def _interval_bounds(graph: TemporalGraph, every: str | float) -> list[int]:
    t = graph.t
    span = graph.time_unit.ticks(every, whole=not t.is_floating_point())
    if t.numel() == 0:
        return [0]
    if not t.is_floating_point():
        limit = torch.iinfo(torch.int64).max
        if t[-1].item() - t[0].item() > limit:
            raise GraphError(
                "t", "the times span more ticks than int64 counts", fix="Use a coarser time unit."
            )
        span = min(span, limit)
    step = torch.div(t - t[0], span, rounding_mode="floor")
    starts = (step[1:] != step[:-1]).nonzero().flatten() + 1
    return [0, *starts.tolist(), t.numel()]
