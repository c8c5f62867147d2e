"""Recent events of the nodes of a query, with one row per distinct history."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.nn.caching.tensor_cache import TensorCache
from graphkit.nn.stream.event_batch import EventColumns
from graphkit.nn.stream.event_records import EventRecords, grouped_records
from graphkit.nn.stream.recent_neighbors import RecentNeighbors, RecentRows, RecordsAhead
from graphkit.nn.stream.stream_clock import StreamClock

__all__ = ["EventHistory", "HistoryRows"]

_CLOCKS = ("events", "time")


class HistoryRows(NamedTuple):
    """Histories of some queries.

    Attributes:
        node: Node of each history, int64 ``[R]``.
        recent: The events ``[R, k]``, latest last, padded on the left.
        age: Age of each event ``[R, k]``, as a number of events of the stream (int64) or in ticks
            of time.
        row_of: Row of each query, int64 ``[Q]``.
        features: Function that returns the features ``[..., F]`` of events by number; ``None`` if
            there are none.
    """

    node: Tensor
    recent: RecentRows
    age: Tensor
    row_of: Tensor
    features: Callable[[Tensor], Tensor] | None = None

    def select(self, index: Tensor) -> HistoryRows:
        """Select the rows ``index [R']``, with one query per row."""
        columns = (None if c is None else c.index_select(0, index) for c in self.recent)
        return HistoryRows(
            self.node[index],
            RecentRows(*columns),
            self.age.index_select(0, index),
            torch.arange(index.numel(), device=index.device),
            self.features,
        )


class EventHistory(nn.Module):
    r"""The last ``size`` events of every node, read once per batch and shared by equal queries.

    With ``clock="events"`` the age of an event is the number of events of the stream since then
    (1 for the latest). It does not depend on the query, so that all queries of a node share one
    row. With ``clock="time"`` the age is the time since the event, and a node has one row per
    query time.

    The optional argument ``earlier`` of ``forward`` contains the events of the batch that is being
    scored. The history of a query at :math:`t` then also includes exactly those of them with
    :math:`t' < t`, as if they had been written before. Events are numbered by the
    ``stream_clock``: ``event_id`` of the rows is the number of an event in the stream.

    Args:
        num_nodes: Number of nodes :math:`N`.
        size: Number of events per node, :math:`k`.
        clock: Unit of ages, ``"events"`` or ``"time"``.
        time_dtype: Data type of the times of the stream, int64 or float64.

    Shapes:
        - **input:** nodes :math:`(Q)`, times :math:`(Q)`
        - **output:** :class:`HistoryRows` of :math:`R \le Q` rows
    """

    def __init__(
        self,
        num_nodes: int,
        size: int,
        clock: str = "events",
        time_dtype: torch.dtype = torch.int64,
    ) -> None:
        super().__init__()
        check_choice(clock, "clock", _CLOCKS)
        self.by_time = clock == "time"
        self.recent = RecentNeighbors(num_nodes, size, time_dtype, keep_direction=True)
        self.stream_clock = StreamClock(time_dtype)
        self._grouped = TensorCache(size=1)

    def reset_state(self) -> None:
        """Reset the state by removing all events."""
        self._grouped.clear()
        self.recent.reset_state()
        self.stream_clock.reset_state()

    def forward(self, nodes: Tensor, t: Tensor, earlier: EventColumns | None = None) -> HistoryRows:
        """Histories of ``nodes [Q]`` at times ``t [Q]``."""
        if earlier is not None and len(earlier) == 0:
            earlier = None
        if self.by_time:
            when, part = torch.unique(t, return_inverse=True)
            parts = when.numel()
        elif earlier is not None:
            when, part = None, torch.searchsorted(earlier.t, t.contiguous())  # events before t
            parts = len(earlier) + 1
        else:
            node, row_of = torch.unique(nodes, return_inverse=True)
            recent = self.recent(node)
            age = self.stream_clock.num_events - recent.event_id
            return HistoryRows(node, recent, age, row_of)
        pair, row_of = torch.unique(nodes * max(parts, 1) + part, return_inverse=True)
        node = pair.div(max(parts, 1), rounding_mode="floor")
        part = pair - node * parts
        ahead, now = None, self.stream_clock.num_events
        if earlier is not None:
            records = self.records(earlier)
            times = earlier.t
            before = part if when is None else torch.searchsorted(times, when)[part]
            ahead = _ahead(records, torch.searchsorted(times, records.t), node, before)
            now = (now + before).unsqueeze(1)
        recent = self.recent(node, ahead)
        if when is None:
            age = now - recent.event_id
        else:
            age = when[part].unsqueeze(1) - recent.time
        return HistoryRows(node, recent, age, row_of)

    def records(self, events: EventColumns) -> EventRecords:
        """Number the next events and group them by node; the last result is cached.

        Raises:
            GraphError: See :meth:`StreamClock.number`.
        """

        def group() -> EventRecords:
            number = self.stream_clock.number(events)
            return grouped_records(events.src, events.dst, events.t, number)

        return self._grouped.get((*events.given, self.stream_clock.num_events), None, group)

    @torch.no_grad()
    def write(self, events: EventColumns) -> EventRecords:
        """Write a batch of at least one event, and return its records."""
        records = self.records(events)
        self._grouped.clear()
        self.recent.write(records)
        self.stream_clock.advance(events)
        return records

    def extra_repr(self) -> str:
        return f"clock={'time' if self.by_time else 'events'!r}"


def _ahead(records: EventRecords, place: Tensor, node: Tensor, before: Tensor) -> RecordsAhead:
    """The records of the batch that belong to the history of each row.

    Args:
        records: The records of the batch.
        place: Number of events of the batch strictly earlier than each record, int64 ``[R']``.
        node: Node of each row, int64 ``[R]``.
        before: Number of events of the batch strictly earlier than each query, int64 ``[R]``. A
            record is earlier than the query if and only if its place is below this number.
    """
    width = records.owner.numel() + 1
    key = records.owner * width + place
    first = torch.searchsorted(key, node * width)
    return RecordsAhead(records, first, torch.searchsorted(key, node * width + before) - first)
