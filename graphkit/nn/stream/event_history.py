"""What happened lately to the nodes of a query: one row for each history that differs."""

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
        node: int64 ``[R]``, whose history it is.
        recent: The events, ``[R, k]``, latest last, padded on the left.
        age: ``[R, k]``, how long ago each happened: int64 events of the stream, or ticks of time.
        row_of: int64 ``[Q]``, the row of each query.
        features: Gives the features ``[..., F]`` of events by number; ``None`` if there are none.
    """

    node: Tensor
    recent: RecentRows
    age: Tensor
    row_of: Tensor
    features: Callable[[Tensor], Tensor] | None = None

    def select(self, index: Tensor) -> HistoryRows:
        """The rows ``index [R']``, each for one query of its own."""
        columns = (None if c is None else c.index_select(0, index) for c in self.recent)
        return HistoryRows(
            self.node[index],
            RecentRows(*columns),
            self.age.index_select(0, index),
            torch.arange(index.numel(), device=index.device),
            self.features,
        )


class EventHistory(nn.Module):
    r"""The last ``size`` events of every node, read once per batch for all queries that agree.

    With ``clock="events"`` the age of an event is the number of events of the stream since then
    (1 for the latest): it does not depend on the query, so a node has one row however often it is
    asked for. With ``clock="time"`` it is the time since then, and a node has one row per time of
    query.

    ``forward`` may be given the events of the batch that is being scored (``earlier``). A query at
    :math:`t` then also sees those of them with :math:`t' < t`, exactly as if they had been written
    before, and no others. Events are numbered by the ``stream_clock``: ``event_id`` of the rows is
    an event's number in the stream.

    Args:
        num_nodes: Number of nodes :math:`N`.
        size: Events per node, :math:`k`.
        clock: ``"events"`` or ``"time"``.
        time_dtype: int64 or float64, what the times of the stream are.

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
        """Forgets all events."""
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
        """The events that come next by node, numbered; events asked for last are not grouped again.

        Raises:
            GraphError: As :meth:`StreamClock.number`.
        """

        def group() -> EventRecords:
            number = self.stream_clock.number(events)
            return grouped_records(events.src, events.dst, events.t, number)

        return self._grouped.get((*events.given, self.stream_clock.num_events), None, group)

    @torch.no_grad()
    def write(self, events: EventColumns) -> EventRecords:
        """Enters a batch of events, at least one, and gives their records."""
        records = self.records(events)
        self._grouped.clear()
        self.recent.write(records)
        self.stream_clock.advance(events)
        return records

    def extra_repr(self) -> str:
        return f"clock={'time' if self.by_time else 'events'!r}"


def _ahead(records: EventRecords, place: Tensor, node: Tensor, before: Tensor) -> RecordsAhead:
    """Which records each row sees.

    Args:
        records: Of the batch.
        place: int64 ``[R']``, for each record how many events of the batch are strictly earlier.
        node: int64 ``[R]``.
        before: int64 ``[R]``, how many events of the batch are strictly earlier than the query. A
            record is earlier than the query exactly if its place is below that.
    """
    width = records.owner.numel() + 1
    key = records.owner * width + place
    first = torch.searchsorted(key, node * width)
    return RecordsAhead(records, first, torch.searchsorted(key, node * width + before) - first)
