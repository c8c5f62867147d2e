"""The last k neighbours of every node, kept in tensors while a stream goes by."""

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
        node: int64 ``[Q, k]``, the other end of each event, -1 where there is none.
        time: int64 or float64 ``[Q, k]``, its time, 0 where there is none.
        event_id: int64 ``[Q, k]``, its number, as it was written, -1 where there is none.
        mask: bool ``[Q, k]``, true where there is an event.
        sent: bool ``[Q, k]``, whether the node was the event's source; ``None`` if nobody keeps it.
    """

    node: Tensor
    time: Tensor
    event_id: Tensor
    mask: Tensor
    sent: Tensor | None = None


class RecordsAhead(NamedTuple):
    """Records that are not in the buffer yet, and which of them each query sees.

    Attributes:
        records: Of a batch of events that come after those in the buffer.
        first: int64 ``[Q]``, the first record of each queried node (any number where ``num`` is 0).
        num: int64 ``[Q]``, how many records from there on the query sees.
    """

    records: EventRecords
    first: Tensor
    num: Tensor


class RecentNeighbors(NodeTables):
    r"""Ring buffer of the last ``size`` events of every node, exact however many arrive at once.

    Both ends of an event see it. The latest events by (time, event id) are kept exactly, also when
    one batch holds more than ``size`` events of one node; events of one time keep their order. (In
    that case the ``LastNeighborLoader`` of PyG 2.8 keeps wrong ones: its sort is not stable.)
    A self loop is one entry. State lies in buffers, :math:`24 k + 8` bytes per node; edge features
    are not copied but looked up by the event's number.

    The buffer knows only what has been written: a query sees every event written so far, and those
    that it brings along (``ahead``). For neighbours as of an earlier time take
    :class:`graphkit.sampling.NeighborSampler`.

    Args:
        num_nodes: Number of nodes :math:`N`.
        size: Events kept per node, :math:`k`.
        time_dtype: int64 or float64, what the times of the stream are.
        keep_direction: Also keep whether the node was the source, one byte per event.

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
        """Forgets all events."""
        self.reset_tables()

    def forward(self, nodes: Tensor, ahead: RecordsAhead | None = None) -> RecentRows:
        """The latest events of ``nodes`` (int64 ``[Q]``), those of ``ahead`` among them."""
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
        """int64 ``[N, k]``, the numbers of all events kept, -1 in places without one."""
        filled = torch.arange(self.size, device=self.count.device) < self.count.unsqueeze(1)
        return self.event_id.masked_fill(~filled, -1)

    @torch.no_grad()
    def insert(self, src: Tensor, dst: Tensor, t: Tensor, event_id: Tensor) -> None:
        """Writes a batch of events, each argument of ``[B]``, none earlier than those before."""
        self.write(event_records(src, dst, t, event_id))

    @torch.no_grad()
    def write(self, records: EventRecords) -> None:
        """As :meth:`insert`, for events that are grouped by node already."""
        keep = (records.rank_from_last < self.size).nonzero().flatten()
        owner = records.owner[keep]
        # (owner, slot) pairs are distinct: no two records race for one place.
        index = owner * self.size + (self.count[owner] + records.rank[keep]) % self.size
        self.neighbor.view(-1)[index] = records.other[keep]
        self.event_id.view(-1)[index] = records.event_id[keep]
        self.time.view(-1)[index] = pack_time(records.t[keep], self.time_dtype)
        if self.sent is not None:
            self.sent.view(-1)[index] = records.sent[keep]
        self.count[records.node] += records.count

    def extra_repr(self) -> str:
        return f"{self.num_nodes}, size={self.size}"
