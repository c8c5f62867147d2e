"""Events of a node that have not yet been applied to its memory."""

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
        other: The other end of each event, int64 ``[Q, S]``, 0 in empty slots.
        time: Time of each event, int64 or float64 ``[Q, S]``, 0 in empty slots.
        event_id: Number of each event as written, int64 ``[Q, S]``, 0 in empty slots.
        mask: Whether a slot contains an event, bool ``[Q, S]``.
    """

    other: Tensor
    time: Tensor
    event_id: Tensor
    mask: Tensor


class MessageStore(NodeTables):
    r"""Stores for each node the raw messages of the last batch that contains the node.

    Memory models (TGN, JODIE, DyRep) apply a batch to their memory only when the next batch
    arrives, so that the modules that compute messages receive gradients of the loss. Until then the
    raw event is stored here: the other node, the number of the event and its time, but no copy of
    features or memories. All state is in buffers, :math:`24 S + 8` bytes per node, and part of the
    state dict. (PyG 2.8 uses a Python dictionary per node, which a state dict does not contain.)

    Args:
        num_nodes: Number of nodes :math:`N`.
        slots: Number of messages stored per node, :math:`S`; the latest ones are kept. One slot is
            exact for the aggregator "last".
        time_dtype: Data type of the times of the stream, int64 or float64.

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
        """Reset the state by removing all messages."""
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
        """Numbers of all pending events, int64 ``[N, S]``, -1 in empty slots."""
        filled = torch.arange(self.slots, device=self.count.device) < self.count.unsqueeze(1)
        return self.event_id.masked_fill(~filled, -1)

    @torch.no_grad()
    def insert(self, src: Tensor, dst: Tensor, t: Tensor, event_id: Tensor) -> None:
        """Replace the messages of every node of the batch by the events ``[B]`` of the batch."""
        self.write(event_records(src, dst, t, event_id))

    @torch.no_grad()
    def write(self, records: EventRecords) -> None:
        """Equal to :meth:`insert`, for events that are already grouped by node."""
        slot = records.rank_from_last
        keep = (slot < self.slots).nonzero().flatten()
        index = records.owner[keep] * self.slots + slot[keep]
        self.other.view(-1)[index] = records.other[keep]
        self.event_id.view(-1)[index] = records.event_id[keep]
        self.time.view(-1)[index] = pack_time(records.t[keep], self.time_dtype)
        self.count[records.node] = records.count.clamp(max=self.slots)

    def extra_repr(self) -> str:
        return f"{self.num_nodes}, slots={self.slots}"
