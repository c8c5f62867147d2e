"""The last k neighbours of every node of a stream, stored in tensors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.stream.event_records import EventRecords, event_records
from graphkit.nn.stream.exact_time import check_time_dtype, pack_time, unpack_time
from graphkit.nn.stream.node_tables import NodeTables

__all__ = ["RecentNeighbors", "RecentRows", "RecordsAhead"]


class RecentRows(NamedTuple):
    """The latest events of some nodes, most recent last, padded on the left.

    Attributes:
        node: The other end of each event, int64 ``[Q, k]``, -1 in padding.
        time: Time of each event, int64 or float64 ``[Q, k]``, 0 in padding.
        event_id: Number of each event as written, int64 ``[Q, k]``, -1 in padding.
        mask: Whether a position contains an event, bool ``[Q, k]``.
        sent: Whether the node was the source of the event, bool ``[Q, k]``; ``None`` if directions
            are not stored.
    """

    node: Tensor
    time: Tensor
    event_id: Tensor
    mask: Tensor
    sent: Tensor | None = None


class RecordsAhead(NamedTuple):
    """Records that are not in the buffer yet, and the range of them that each query includes.

    Attributes:
        records: Records of a batch of events that follow those in the buffer.
        first: First record of each queried node, int64 ``[Q]``; arbitrary where ``num`` is 0.
        num: Number of records from ``first`` on that the query includes, int64 ``[Q]``.
    """

    records: EventRecords
    first: Tensor
    num: Tensor


class RecentNeighbors(NodeTables):
    r"""Ring buffer of the last ``size`` events of every node, exact for batches of any size.

    An event is stored for both of its ends. The latest events by (time, event id) are kept exactly,
    even if one batch contains more than ``size`` events of one node; events of equal time keep
    their order. (In that case the ``LastNeighborLoader`` of PyG 2.8 keeps wrong events, because its
    sort is not stable.) A self loop is one entry. State is stored in buffers, :math:`24 k + 8`
    bytes per node; edge features are not copied but looked up by the number of the event.

    A query returns the latest events among those written so far and those passed as ``ahead``. Use
    :class:`graphkit.sampling.NeighborSampler` for neighbours as of an earlier time.

    Args:
        num_nodes: Number of nodes :math:`N`.
        size: Number of events stored per node, :math:`k`.
        time_dtype: Data type of the times of the stream, int64 or float64.
        keep_direction: Whether to store if the node was the source, one byte per event.

    Shapes:
        - **input:** nodes :math:`(Q)`
        - **output:** :class:`RecentRows` of :math:`(Q, k)`

    Cost: :math:`O(Qk)` per query and :math:`O(B \log B)` per batch, independent of :math:`N`.
    """

    neighbor: Tensor
    event_id: Tensor
    time: Tensor
    count: Tensor
    sent: Tensor | None

    def __init__(
        self,
        num_nodes: int,
        size: int,
        time_dtype: torch.dtype = torch.int64,
        keep_direction: bool = False,
    ) -> None:
        super().__init__(num_nodes)
        if size < 1:
            raise GraphError("size", "at least one neighbour is kept", expected=">= 1", got=size)
        self.size = size
        self.time_dtype = check_time_dtype(time_dtype)
        for name in ("neighbor", "event_id", "time"):
            self.add_table(name, size, dtype=torch.int64)
        self.add_table("count", dtype=torch.int64)
        self.register_buffer("sent", None)
        if keep_direction:
            self.add_table("sent", size, dtype=torch.bool)

    def reset_state(self) -> None:
        """Reset the state by removing all events."""
        self.reset_tables()

    def forward(self, nodes: Tensor, ahead: RecordsAhead | None = None) -> RecentRows:
        """The latest events of ``nodes`` (int64 ``[Q]``), including those of ``ahead``."""
        step = torch.arange(-self.size, 0, device=nodes.device)
        if ahead is not None:
            step = step + ahead.num.unsqueeze(1)
        position = self.count[nodes].unsqueeze(1) + step
        if ahead is None:
            mask = position >= 0
        else:
            mask = (position >= 0) | (step >= 0)
        index = nodes.unsqueeze(1) * self.size + position.remainder(self.size)
        columns = [self.neighbor, self.time, self.event_id]
        if self.sent is not None:
            columns.append(self.sent)
        found = [column.view(-1)[index] for column in columns]
        if ahead is not None and ahead.records.owner.numel():
            records = ahead.records
            row = (ahead.first.unsqueeze(1) + step).clamp_(0, records.owner.numel() - 1)
            new = (records.other, pack_time(records.t, self.time_dtype), records.event_id)
            for i, column in enumerate((*new, records.sent)[: len(found)]):
                found[i] = torch.where(step >= 0, column[row], found[i])
        neighbor, time, event_id, *sent = found
        return RecentRows(
            neighbor.masked_fill(~mask, -1),
            unpack_time(time, self.time_dtype).masked_fill(~mask, 0),
            event_id.masked_fill(~mask, -1),
            mask,
            sent[0] & mask if sent else None,
        )

    def numbers(self) -> Tensor:
        """Numbers of all stored events, int64 ``[N, k]``, -1 in padding."""
        filled = torch.arange(self.size, device=self.count.device) < self.count.unsqueeze(1)
        return self.event_id.masked_fill(~filled, -1)

    @torch.no_grad()
    def insert(self, src: Tensor, dst: Tensor, t: Tensor, event_id: Tensor) -> None:
        """Write a batch of events, each argument ``[B]``, none earlier than the stored events."""
        self.write(event_records(src, dst, t, event_id))

    @torch.no_grad()
    def write(self, records: EventRecords) -> None:
        """Equal to :meth:`insert`, for events that are already grouped by node."""
        keep = (records.rank_from_last < self.size).nonzero().flatten()
        owner = records.owner[keep]
        # (owner, slot) pairs are distinct, so that no two records are written to the same place.
        index = owner * self.size + (self.count[owner] + records.rank[keep]) % self.size
        self.neighbor.view(-1)[index] = records.other[keep]
        self.event_id.view(-1)[index] = records.event_id[keep]
        self.time.view(-1)[index] = pack_time(records.t[keep], self.time_dtype)
        if self.sent is not None:
            self.sent.view(-1)[index] = records.sent[keep]
        self.count[records.node] += records.count

    def extra_repr(self) -> str:
        return f"{self.num_nodes}, size={self.size}"
