"""Events that have happened to a node but have not yet changed its memory."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.stream.event_records import EventRecords, event_records
from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time
from graphkit.nn.stream.node_tables import NodeTables

__all__ = ["MessageStore", "PendingEvents"]


class PendingEvents(NamedTuple):
    """The pending events of some nodes, latest first.

    Attributes:
        other: int64 ``[Q, S]``, the other end of each event, 0 where there is none.
        time: int64 or float64 ``[Q, S]``, its time, 0 where there is none.
        event_id: int64 ``[Q, S]``, its number, as it was written, 0 where there is none.
        mask: bool ``[Q, S]``, true where there is an event.
    """

    other: Tensor
    time: Tensor
    event_id: Tensor
    mask: Tensor


class MessageStore(NodeTables):
    r"""Per node, the raw messages of the last batch in which the node took part.

    A memory model (TGN, JODIE, DyRep) applies a batch to its memory only when the next one comes,
    so that the loss reaches the modules that compute messages. Until then the raw event is kept
    here: the other node, the event's number and the time, never a copy of features or memories.
    Everything lies in buffers, :math:`24 S + 8` bytes per node, so a state dict holds it. (PyG 2.8
    keeps a Python dictionary per node, which a state dict leaves out.)

    Args:
        num_nodes: Number of nodes :math:`N`.
        slots: Messages kept per node, :math:`S`: the latest ones. One is exact for the aggregator
            "last".
        time_dtype: int64 or float64, what the times of the stream are.

    Shapes:
        - **input:** nodes :math:`(Q)`
        - **output:** :class:`PendingEvents` of :math:`(Q, S)`
    """

    other: Tensor
    event_id: Tensor
    time: Tensor
    count: Tensor

    def __init__(
        self, num_nodes: int, slots: int = 1, time_dtype: torch.dtype = torch.int64
    ) -> None:
        super().__init__(num_nodes)
        if slots < 1:
            raise GraphError("slots", "at least one message is kept", expected=">= 1", got=slots)
        self.slots = slots
        self.time_dtype = check_time_dtype(time_dtype)
        for name in ("other", "event_id", "time"):
            self.add_table(name, slots, dtype=torch.int64)
        self.add_table("count", dtype=torch.int64)

    def reset_state(self) -> None:
        """Drops all messages."""
        self.reset_tables()

    def forward(self, nodes: Tensor) -> PendingEvents:
        """The pending events of ``nodes`` (int64 ``[Q]``)."""
        slot = torch.arange(self.slots, device=nodes.device)
        mask = slot < self.count[nodes].unsqueeze(1)
        time = unpack_time(self.time[nodes], self.time_dtype)
        return PendingEvents(
            self.other[nodes].masked_fill(~mask, 0),
            time.masked_fill(~mask, 0),
            self.event_id[nodes].masked_fill(~mask, 0),
            mask,
        )

    def numbers(self) -> Tensor:
        """int64 ``[N, S]``, the numbers of all pending events, -1 in places without one."""
        filled = torch.arange(self.slots, device=self.count.device) < self.count.unsqueeze(1)
        return self.event_id.masked_fill(~filled, -1)

    @torch.no_grad()
    def insert(self, src: Tensor, dst: Tensor, t: Tensor, event_id: Tensor) -> None:
        """Replaces the messages of every node in the batch by the batch's (each of ``[B]``)."""
        self.write(event_records(src, dst, t, event_id))

    @torch.no_grad()
    def write(self, records: EventRecords) -> None:
        """As :meth:`insert`, for events that are grouped by node already."""
        slot = records.rank_from_last
        keep = (slot < self.slots).nonzero().flatten()
        index = records.owner[keep] * self.slots + slot[keep]
        self.other.view(-1)[index] = records.other[keep]
        self.event_id.view(-1)[index] = records.event_id[keep]
        self.time.view(-1)[index] = pack_time(records.t[keep], self.time_dtype)
        self.count[records.node] = records.count.clamp(max=self.slots)

    def extra_repr(self) -> str:
        return f"{self.num_nodes}, slots={self.slots}"
