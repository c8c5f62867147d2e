"""Position in a stream: the number of its events and the time of the latest one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.stream.event_batch import EventColumns
from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time

__all__ = ["StreamClock"]


class StreamClock(nn.Module):
    r"""Numbers the events of a stream, and raises an error for late events.

    The number of an event is the number of events observed before its batch, plus its rank in the
    batch by (time, event id). The counter is part of the state. Numbers are therefore the same if
    a stream is split into several tables, each with event ids from 0, or saved and loaded.

    Args:
        time_dtype: Data type of the times of the stream, int64 or float64.
        accepts_late: Whether to accept events that are earlier than the latest observed one.
    """

    num_events: Tensor
    last_time: Tensor

    def __init__(self, time_dtype: torch.dtype = torch.int64, accepts_late: bool = False) -> None:
        super().__init__()
        self.time_dtype = check_time_dtype(time_dtype)
        self.accepts_late = accepts_late
        self.register_buffer("num_events", torch.zeros((), dtype=torch.int64))
        self.register_buffer("last_time", torch.zeros((), dtype=torch.int64))

    def reset_state(self) -> None:
        """Reset to the state before the first event."""
        self.num_events.zero_()
        self.last_time.zero_()

    @property
    def now(self) -> Tensor:
        """Time of the latest event, 0-dimensional; 0 before the first."""
        return unpack_time(self.last_time, self.time_dtype)

    def times(self, nodes: Tensor, t: Tensor | float | None = None) -> Tensor:
        """Query times ``[Q]`` for ``nodes [Q]``: ``t`` if given, else the time of the latest event.

        Args:
            nodes: Node ids, int64 ``[Q]``.
            t: Times ``[Q]``, one number for all nodes, or ``None``.
        """
        t = self.now if t is None else torch.as_tensor(t, device=nodes.device)
        return t.expand(nodes.shape)

    def number(self, events: EventColumns) -> Tensor:
        """Numbers of the events to be observed next, int64 ``[B]``; does not change the state.

        Raises:
            GraphError: An event is earlier than the latest observed one (checked on the CPU only,
                to avoid synchronisation with a GPU), or the times are floats, but the model was
                created for integer times.
        """
        t, size = events.t, len(events)
        first = pack_time(t[:1], self.time_dtype)
        if first.device.type != "cpu":
            return torch.arange(size, device=first.device) + self.num_events
        count = self.num_events.item()
        if size and count and not self.accepts_late:
            first = unpack_time(first, self.time_dtype).item()
            latest = self.now.item()
            if first < latest:
                raise GraphError(
                    "t",
                    "an event is earlier than the latest one observed",
                    expected=f">= {latest}",
                    got=first,
                    fix="Observe events in the order of time: sort them, or call reset_state() and "
                    "observe the stream from its beginning.",
                )
        return torch.arange(count, count + size)

    def advance(self, events: EventColumns) -> None:
        """Advance the counter by at least one observed event."""
        latest = pack_time(events.t[-1], self.time_dtype)
        if self.accepts_late or latest.device.type != "cpu":  # elsewhere late ones are refused
            later = unpack_time(latest, self.time_dtype) > self.now
            latest = torch.where((self.num_events == 0) | later, latest, self.last_time)
        self.last_time.copy_(latest)
        self.num_events.add_(len(events))
