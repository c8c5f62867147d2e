"""How far a stream has come: the number of its events and the time of the latest one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.stream.event_batch import EventColumns
from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time

__all__ = ["StreamClock"]


class StreamClock(nn.Module):
    r"""Numbers the events of a stream, and refuses those that come too late.

    The number of an event is that of the events observed before its batch, plus its rank in the
    batch by (time, event id). So a stream has the same numbers in one table and in ten, whose event
    ids each begin at 0, and after saving and loading: the counter is state.

    Args:
        time_dtype: int64 or float64, what the times of the stream are.
        accepts_late: Whether events earlier than the latest one are numbered, too.
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
        """Back to before the first event."""
        self.num_events.zero_()
        self.last_time.zero_()

    @property
    def now(self) -> Tensor:
        """Time of the latest event, 0-dimensional; 0 before the first."""
        return unpack_time(self.last_time, self.time_dtype)

    def times(self, nodes: Tensor, t: Tensor | float | None = None) -> Tensor:
        """``[Q]``, the time of a query for each of ``nodes [Q]``: ``t``, else that of the latest
        event.

        Args:
            nodes: int64 ``[Q]``.
            t: ``[Q]``, one number for all, or ``None``.
        """
        t = self.now if t is None else torch.as_tensor(t, device=nodes.device)
        return t.expand(nodes.shape)

    def number(self, events: EventColumns) -> Tensor:
        """int64 ``[B]``, the numbers of the events that are to be observed next; writes nothing.

        Raises:
            GraphError: An event is earlier than the latest one observed (looked at on the CPU only,
                as a GPU would have to be waited for), or float times reach a model for integer
                times.
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
        """Counts events that have been observed, at least one."""
        latest = pack_time(events.t[-1], self.time_dtype)
        if self.accepts_late or latest.device.type != "cpu":  # elsewhere late ones are refused
            later = unpack_time(latest, self.time_dtype) > self.now
            latest = torch.where((self.num_events == 0) | later, latest, self.last_time)
        self.last_time.copy_(latest)
        self.num_events.add_(len(events))
