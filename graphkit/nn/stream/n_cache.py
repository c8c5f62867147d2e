r"""The N-cache: small per-node dictionaries from neighbour to vector, in dense tensors.

From Luo and Li, "Neighborhood-aware Scalable Temporal Network Representation Learning", LoG 2022
(arXiv 2209.01084). Every node owns three dictionaries: hop 0 holds the node itself, hop 1 its
partners, hop 2 partners of partners. A key is stored in slot :math:`h_k(a)`, which is the same for
every owner. Collisions are not resolved by probing or chaining: one of the two keys is dropped.

State of ``N`` nodes with ``M1`` and ``M2`` slots and vectors of ``F`` channels:

================== =================== ======= ====================================================
buffer             shape               dtype   content
================== =================== ======= ====================================================
``key``            ``[N, 1+M1+M2]``    int32   the neighbour in the slot; -1: empty
``stamp``          ``[N, 1+M1+M2]``    int64   the event that was last written there: twice its
                                               number, plus one if the owner was its destination
``vector``         ``[N, F, 1+M1+M2]`` float32 the neighbour's vector *before* that event
``partner``        ``[N]``             int32   the other node of the owner's last event
``count``          ``[N, M1]``         uint8   events with the key since it entered hop 1, at most
                                               255; only with ``keep_count=True``
``activity``       ``[N, 2, H]``       float32 events sent and received, each fading with the half
                                               lives given, as of the owner's last event
``time``           ``[N, 1+M1+M2]``    int64 / time of that event; only with ``keep_time=True``
                                       float64
``clock``          ``[]``              int64   number of the latest event written, plus one
``num_superseded`` ``[]``              int64   records so far that were replaced by a later one of
                                               the same owner and batch (the cost of large batches)
================== =================== ======= ====================================================

An entry of hop 2 carries the stamp that it had in the partner's hop 1, so its age is the age of
that event and its owner is the partner.

**Lazy update.** A slot contains the state before its last event and the event itself. The event is
applied whenever the slot is read (a GRU step in :class:`~graphkit.models.stream.NAT`), and only a
later write makes the result permanent. Reading is therefore idempotent, and one step of
backpropagation reaches the parameters of the update.

**Writing a batch.** All writes of a batch are computed from the state before the batch. Events are
ordered by number; of all candidates for one slot the latest wins (event, then key), and a slot
is written as a whole, so the result depends neither on the order of events within the batch nor on
the device. A candidate whose key differs from the key in the slot passes with probability
``replace_prob``, by a coin that is a hash of (seed, hop, owner, event, key). An empty slot, or one
that holds the same key, is always written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.checks import check_share
from graphkit.errors import GraphError
from graphkit.nn.stream.node_tables import NodeTables
from graphkit.nn.stream.table_rows import grow_rows
from graphkit.ops.compiled import use_compiled
from graphkit.ops.counter_rng import hash64, uniform
from graphkit.ops.n_cache.loops import write_records

__all__ = ["CacheRows", "NCache"]

_KEY_BITS, _SLOT_BITS = 31, 7
_NO_TIME = np.empty((0, 0), dtype=np.int64)
_NO_COUNT = np.empty((0, 0), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class CacheRows:
    """Rows of the cache for some nodes, with columns ``[hop 0 | hop 1 | hop 2]``.

    Attributes:
        node: Node ids, int64 ``[R]``.
        key: Keys, int32 ``[R, 1+M1+M2]``; -1 marks an empty slot.
        stamp: Stamps of the last events, int64 ``[R, 1+M1+M2]``.
        vector: Vectors as stored, ``[R, F, 1+M1+M2]``, or ``None`` if they were not read.
        partner: Other node of the last event, int32 ``[R]``; -1 for a node without history.
        time: Times of the last events, ``[R, 1+M1+M2]``, or ``None``.
        count: Numbers of events per key of hop 1, uint8 ``[R, M1]``, or ``None``.
        activity: Activity as of the last event of each node, ``[R, 2, H]``.
    """

    node: Tensor
    key: Tensor
    stamp: Tensor
    vector: Tensor
    partner: Tensor
    time: Tensor | None = None
    count: Tensor | None = None
    activity: Tensor | None = None


class NCache(NodeTables):
    """Neighbourhood caches of all nodes; the docstring of the module describes state and rules.

    Args:
        num_nodes: Number of nodes, at most ``2**31 - 1``.
        channels: Size of the neighbour vectors, ``F``.
        num_slots: Numbers of slots of hop 1 and hop 2, ``(M1, M2)``; ``M1`` is at most 128, and
            ``M2`` may be 0.
        replace_prob: Probability that a new key replaces the stored one on a collision.
        keep_time: Whether to store the time of each event in addition to its number.
        time_dtype: Data type of times, ``torch.int64`` or ``torch.float64``.
        keep_count: Whether to count the events with every key of hop 1.
        half_lives: Half lives of the activity, in events of the stream; may be empty.
        allow_self: Whether a node can be a key of its own hop-2 dictionary (as in the authors'
            code).
        seed: Seed of the hash and of the random replacements.

    Raises:
        GraphError: A size is out of range.

    Shapes:
        - :meth:`read`: nodes ``[R]`` to :class:`CacheRows`
        - :meth:`write`: see there
    """

    def __init__(
        self,
        num_nodes: int,
        channels: int = 4,
        num_slots: tuple[int, int] = (32, 16),
        replace_prob: float = 0.9,
        keep_time: bool = False,
        time_dtype: torch.dtype = torch.int64,
        keep_count: bool = False,
        half_lives: Sequence[float] = (),
        allow_self: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(num_nodes)
        if len(num_slots) != 2:
            raise GraphError("num_slots", "name two sizes", expected="(M1, M2)", got=num_slots)
        m1, m2 = num_slots
        self._check_size(num_nodes)
        if not (1 <= m1 <= 2**_SLOT_BITS and 0 <= m2 <= 2**_SLOT_BITS):
            raise GraphError(
                "num_slots",
                "out of range",
                expected="1..128 for hop 1, 0..128 for hop 2",
                got=tuple(num_slots),
            )
        replace_prob = check_share(replace_prob, "replace_prob", "not a probability", one=True)
        if time_dtype not in (torch.int64, torch.float64):
            raise GraphError(
                "time_dtype", "times would lose digits", expected="int64 or float64", got=time_dtype
            )
        self.channels, self.num_slots = channels, (m1, m2)
        self.replace_prob, self.allow_self, self.seed = replace_prob, allow_self, int(seed)
        width = 1 + m1 + m2
        self.register_buffer("time", None)
        self.register_buffer("count", None)
        self.add_table("key", width, dtype=torch.int32, fill=-1)
        self.add_table("stamp", width, dtype=torch.int64)
        self.add_table("vector", channels, width)
        self.add_table("partner", dtype=torch.int32, fill=-1)
        if keep_time:
            self.add_table("time", width, dtype=time_dtype)
        if keep_count:
            self.add_table("count", m1, dtype=torch.uint8)
        if any(not half_life > 0 for half_life in half_lives):
            raise GraphError("half_lives", "not positive", expected="> 0", got=tuple(half_lives))
        self.add_table("activity", 2, len(half_lives))
        lives = torch.tensor(half_lives, dtype=torch.get_default_dtype())  # as the activity
        self.register_buffer("half_lives", lives, persistent=False)
        self.register_buffer("clock", torch.zeros((), dtype=torch.int64))
        self.register_buffer("num_superseded", torch.zeros((), dtype=torch.int64))
        signed = (self.seed + 2**63) % 2**64 - 2**63
        self.register_buffer("hash_seed", torch.tensor(signed, dtype=torch.int64))
        # The slots of hop 1 are needed often: one byte per node, derived and not saved.
        self.register_buffer("slot1", self._slots1(torch.arange(num_nodes)), persistent=False)

    def reset_state(self) -> None:
        """Reset the state by emptying all dictionaries."""
        self.reset_tables()
        self.clock.zero_()
        self.num_superseded.zero_()

    @staticmethod
    def _check_size(num_nodes: int) -> None:
        if not 1 <= num_nodes < 2**_KEY_BITS:
            raise GraphError("num_nodes", "out of range", expected="1..2**31-1", got=num_nodes)

    def _slots1(self, nodes: Tensor) -> Tensor:
        """Slots in hop 1, uint8; they depend on node id and seed only, not on ``num_nodes``."""
        slots = hash64(self.seed, nodes) & 0x7FFFFFFF
        return (slots % self.num_slots[0]).to(torch.uint8)

    def _resize(self, num_nodes: int) -> None:
        self._check_size(num_nodes)
        held = self.num_nodes
        super()._resize(num_nodes)
        self.slot1 = grow_rows(self.slot1, num_nodes)
        self.slot1[held:] = self._slots1(torch.arange(held, num_nodes, device=self.slot1.device))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        saved = state_dict.get(f"{prefix}hash_seed")
        if saved is not None and int(saved) != int(self.hash_seed):
            raise GraphError(
                "seed",
                "the saved cache was filled with another hash",
                expected=int(saved),
                got=int(self.hash_seed),
                fix="Make the model with the seed of the saved one.",
            )
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def slot(self, key: Tensor, hop: int) -> Tensor:
        """Slot of each key in hop 1 or hop 2, int64; the same for every owner.

        The hash is a 64-bit mix, so every slot is used evenly for every seed.
        """
        if hop == 1:
            return self.slot1[key].to(torch.int64)
        return (hash64(self.seed, key) & 0x7FFFFFFF) % self.num_slots[1]

    @property
    def bytes_per_node(self) -> int:
        """Number of bytes of state per node."""
        buffers = (
            self.key,
            self.stamp,
            self.vector,
            self.partner,
            self.time,
            self.count,
            self.activity,
            self.slot1,
        )
        return sum(b[0].numel() * b.element_size() for b in buffers if b is not None)

    def read(self, nodes: Tensor) -> CacheRows:
        """Read the rows of some nodes without changing the state."""
        return CacheRows(
            nodes,
            self.key.index_select(0, nodes),
            self.stamp.index_select(0, nodes),
            self.vector.index_select(0, nodes),
            self.partner.index_select(0, nodes),
            None if self.time is None else self.time.index_select(0, nodes),
            None if self.count is None else self.count.index_select(0, nodes),
            self.activity.index_select(0, nodes),
        )

    def fading(self, rows: CacheRows) -> Tensor:
        """Current activity of the nodes, ``[R, 2 H]``."""
        age = self.clock - (rows.stamp[:, :1] >> 1)
        return (rows.activity * torch.exp2(-(age / self.half_lives)).unsqueeze(1)).flatten(1)

    @torch.no_grad()
    def write(
        self,
        rows: CacheRows,
        updated: Tensor,
        src_row: Tensor,
        dst_row: Tensor,
        number: Tensor,
        t: Tensor | None = None,
        one_row_per_node: bool = True,
    ) -> Tensor:
        """Write the events of a batch.

        Args:
            rows: Result of :meth:`read` before the batch, for all nodes of these events at least.
            updated: Vectors of ``rows`` with their events applied, ``[F, R, 1+M1+M2]``.
            src_row: Row of ``rows`` that contains the source of each event, int64 ``[B]``.
            dst_row: Row of ``rows`` that contains the destination of each event, int64 ``[B]``.
            number: Number of each event in the stream, ascending with time, int64 ``[B]``.
            t: Times ``[B]``, required with ``keep_time=True``.
            one_row_per_node: Whether ``rows.node`` has no duplicates. Otherwise events may refer
                to any row of a node. Rows of one node may differ in ``updated`` only (if they were
                read at different times), and the row to which the winning event refers is written.

        Returns:
            For every record, sources first, the row to which the latest event of its owner refers,
            int64 ``[2B]``.

        Raises:
            GraphError: The times are missing, or are floats while the cache stores integers.
        """
        if self.time is not None:
            if t is None:
                raise GraphError("t", "this cache keeps times", fix="Pass t= to write().")
            if t.is_floating_point() and not self.time.is_floating_point():
                raise GraphError(
                    "t",
                    "this cache was made for integer times",
                    expected=self.time.dtype,
                    got=t.dtype,
                    fix="Make it with time_dtype=torch.float64.",
                )
        row = torch.cat([src_row, dst_row])
        if number.numel() == 0:
            return row
        if one_row_per_node and use_compiled(self.key, self.vector, rows.key, src_row, updated):
            self._write_loop(rows, updated, src_row, dst_row, number, t)
            return row
        # Two records per event, (owner, partner): sources first, then destinations. The rank of a
        # record orders it by event; the two records of a self loop are equal.
        position = number.argsort(stable=True)
        record_of = torch.stack([position, position + number.numel()], dim=1).flatten()
        rank = torch.empty_like(record_of)
        rank[record_of] = torch.arange(record_of.numel(), device=rank.device)
        partner_row = torch.cat([dst_row, src_row])
        group = row if one_row_per_node else _first_of_equal(rows.node)[row]
        event = torch.cat([number, number])
        stamps = [(self.stamp, rows.stamp, torch.cat([number * 2, number * 2 + 1]))]
        if self.time is not None:
            t = t.to(self.time.dtype)
            stamps.append((self.time, rows.time, torch.cat([t, t])))
        batch = _Records(
            rows, updated, rows.node[row], rows.node[partner_row], row, partner_row, group, rank,
            record_of, event, stamps,
        )  # fmt: skip
        # Every record writes the values of the winner of its slot, so that equal slots are equal.
        speaker = self._write_hop0(batch)
        held = self._write_hop1(batch)
        self._write_counts(batch, held)
        if self.num_slots[1]:
            self._write_hop2(batch)
        torch.maximum(self.clock, number.amax() + 1, out=self.clock)
        return speaker

    def _write_loop(
        self,
        rows: CacheRows,
        updated: Tensor,
        src_row: Tensor,
        dst_row: Tensor,
        number: Tensor,
        t: Tensor | None,
    ) -> None:
        """Equal result, computed record by record (:mod:`graphkit.ops.n_cache.loops`)."""
        keep_time = self.time is not None
        buffers = (self.key, self.stamp, self.time, self.vector, self.partner)
        read = (rows.node, rows.key, rows.stamp, rows.time)
        counts = (_NO_COUNT if v is None else v.numpy() for v in (self.count, rows.count))
        count, row_count = counts
        order = number.numpy().argsort(kind="stable")
        moment = t.to(self.time.dtype) if keep_time else number
        overruled = write_records(
            *(_NO_TIME if b is None else b.numpy() for b in buffers),
            count,
            self.activity.numpy(),
            *(_NO_TIME if b is None else b.numpy() for b in read),
            row_count,
            rows.activity.numpy(),
            updated.detach().numpy(),
            *(v.numpy() for v in (src_row, dst_row, number, moment)),
            order,
            self.slot1.numpy(),
            self.half_lives.numpy(),
            *self.num_slots,
            self.replace_prob,
            self.allow_self,
            np.uint64(self.seed & 0xFFFFFFFFFFFFFFFF),
            keep_time,
        )
        self.num_superseded += overruled
        torch.maximum(self.clock, number.amax() + 1, out=self.clock)
        for buffer in (self.key, self.vector):  # modified without autograd
            torch._C._increment_version([buffer])

    def _write_hop0(self, batch: _Records) -> Tensor:
        latest = batch.latest(batch.group, batch.rank, batch.num_groups)
        last = batch.record_of[latest]
        self.num_superseded += (last != batch.record_of[batch.rank]).sum()
        self.key[:, 0].index_copy_(0, batch.owner, batch.owner.to(torch.int32))
        for buffer, _, value in batch.stamps:
            buffer[:, 0].index_copy_(0, batch.owner, value[last])
        speaker = batch.row[last]
        vector = batch.updated[:, :, 0].index_select(1, speaker)
        self.vector[:, :, 0].index_copy_(0, batch.owner, vector.t())
        self.partner.index_copy_(0, batch.owner, batch.partner[last].to(torch.int32))
        return speaker

    def _write_hop1(self, batch: _Records) -> Tensor:
        """Offer the partner of every record to hop 1 of its owner; return the previous keys."""
        width, m1 = self.key.shape[1], self.num_slots[0]
        slot = self.slot1[batch.partner].to(torch.int64)
        place = batch.owner * width + 1 + slot
        held = self.key.view(-1)[place]
        word = batch.rank
        if self.replace_prob < 1:
            passes = self._passes(1, held, batch.partner, batch.owner, batch.event)
            word = torch.where(passes, word, -1)
        best = batch.latest(batch.group * m1 + slot, word, batch.num_groups * m1)
        winner = batch.record_of[best.clamp(min=0)]
        key = batch.partner[winner].to(torch.int32)
        source = batch.row[winner] * width + 1 + slot
        vector = batch.updated.reshape(self.channels, -1).index_select(1, source)
        vector = (vector * (held == key)).t()
        stamps = [value[winner] for _, _, value in batch.stamps]
        if self.replace_prob < 1:
            lost = best < 0
            key = torch.where(lost, held, key)
            old = self.vector.view(self.num_nodes, self.channels, width)[batch.owner, :, 1 + slot]
            vector = torch.where(lost.unsqueeze(1), old, vector)
            stamps = [
                torch.where(lost, buffer.view(-1)[place], new)
                for (buffer, _, _), new in zip(batch.stamps, stamps, strict=True)
            ]
        self.key.view(-1)[place] = key
        for (buffer, _, _), new in zip(batch.stamps, stamps, strict=True):
            buffer.view(-1)[place] = new
        channel = torch.arange(self.channels, device=place.device) * width
        start = (batch.owner * (width * self.channels) + 1 + slot).unsqueeze(1)
        self.vector.view(-1)[start + channel] = vector
        return held

    def _write_counts(self, batch: _Records, held: Tensor) -> None:
        """Count all events, including records that were replaced within the batch."""
        m1, rows = self.num_slots[0], batch.rows
        if self.count is not None:
            slot = self.slot1[batch.partner].to(torch.int64)
            key = self.key.view(-1)[batch.owner * self.key.shape[1] + 1 + slot]
            again = torch.zeros(batch.num_groups * m1, dtype=torch.int64, device=key.device)
            cell = batch.group * m1 + slot
            again.scatter_add_(0, cell, (batch.partner == key).to(torch.int64))
            before = rows.count.view(-1)[batch.row * m1 + slot] * (held == key)
            count = (before + again[cell]).clamp_(max=255).to(torch.uint8)
            self.count.view(-1)[batch.owner * m1 + slot] = count
        if self.half_lives.numel():
            last = self.stamp[:, 0].index_select(0, batch.owner) >> 1
            weight = torch.exp2(-((last - batch.event).unsqueeze(1) / self.half_lives))
            role = torch.arange(batch.event.numel(), device=last.device) >= len(batch.event) // 2
            gained = self.activity.new_zeros(batch.num_groups * 2, len(self.half_lives))
            gained.index_add_(0, batch.group * 2 + role, weight)
            late = last - (rows.stamp[:, 0].index_select(0, batch.row) >> 1)
            fade = torch.exp2(-(late.unsqueeze(1) / self.half_lives)).unsqueeze(1)
            before = rows.activity.index_select(0, batch.row) * fade
            gained = gained.view(batch.num_groups, 2, -1).index_select(0, batch.group)
            self.activity.index_copy_(0, batch.owner, before + gained)

    def _write_hop2(self, batch: _Records) -> None:
        """Offer hop 1 of the partner of every record to hop 2 of its owner."""
        rows, (m1, m2) = batch.rows, self.num_slots
        offer = rows.key[:, 1 : 1 + m1].index_select(0, batch.partner_row)
        owner = batch.owner.unsqueeze(1)
        offered = offer >= 0
        if not self.allow_self:
            offered &= offer != owner
        column = torch.arange(m1, device=offer.device)
        if m1 % m2 == 0:  # nested hashes: the slot in hop 1 determines the slot in hop 2
            cell = batch.group.unsqueeze(1) * m2 + column % m2
        else:
            cell = batch.group.unsqueeze(1) * m2 + self.slot(offer.clamp(min=0).long(), 2)
        key = offer.to(torch.int64)
        if self.replace_prob < 1:
            held = rows.key[:, 1 + m1 :].reshape(-1)[cell]
            offered &= self._passes(2, held, key, owner, batch.event.unsqueeze(1))
        word = (batch.rank.unsqueeze(1) << _KEY_BITS) | key
        word = torch.where(offered, (word << _SLOT_BITS) | column, -1)
        cells = torch.full((batch.num_groups, m2), -1, dtype=torch.int64, device=offer.device)
        cells.view(-1).scatter_reduce_(0, cell.view(-1), word.view(-1), "amax")
        best = cells.index_select(0, batch.group)
        hit = best >= 0
        best.clamp_(min=0)
        record = batch.record_of[best >> (_KEY_BITS + _SLOT_BITS)]
        # Column and row of the winning offer:
        place = batch.partner_row[record] * rows.key.shape[1] + 1 + (best & (2**_SLOT_BITS - 1))
        old = rows.key[:, 1 + m1 :].index_select(0, batch.row)
        new = torch.where(hit, rows.key.view(-1)[place], old)
        self.key[:, 1 + m1 :].index_copy_(0, batch.owner, new)
        for buffer, stored, _ in batch.stamps:
            old = stored[:, 1 + m1 :].index_select(0, batch.row)
            new = torch.where(hit, stored.view(-1)[place], old)
            buffer[:, 1 + m1 :].index_copy_(0, batch.owner, new)
        old = rows.vector[:, :, 1 + m1 :].index_select(0, batch.row)
        new = batch.updated.reshape(self.channels, -1)[:, place].transpose(0, 1)
        self.vector[:, :, 1 + m1 :].index_copy_(
            0, batch.owner, torch.where(hit.unsqueeze(1), new, old)
        )

    def _passes(self, hop: int, held: Tensor, key: Tensor, owner: Tensor, event: Tensor) -> Tensor:
        coin = uniform(self.seed, hop, owner, event, key) < self.replace_prob
        return coin.logical_or_(held < 0).logical_or_(held == key)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.num_nodes}, channels={self.channels}, "
            f"num_slots={self.num_slots}, replace_prob={self.replace_prob})"
        )


@dataclass(frozen=True, eq=False)
class _Records:
    """The events of a batch as ``2B`` records, one for each end."""

    rows: CacheRows
    updated: Tensor  # [F, R, W]
    owner: Tensor  # node ids
    partner: Tensor
    row: Tensor  # rows of the owner and of the partner
    partner_row: Tensor
    group: Tensor  # one row per owner
    rank: Tensor  # order in time
    record_of: Tensor  # its inverse
    event: Tensor  # event numbers
    stamps: list[tuple[Tensor, Tensor, Tensor]]  # (buffer, rows of it, value per record)

    @property
    def num_groups(self) -> int:
        return self.rows.node.numel()

    @staticmethod
    def latest(cell: Tensor, word: Tensor, num_cells: int) -> Tensor:
        """The highest word in the cell of each record."""
        best = torch.full((num_cells,), -1, dtype=torch.int64, device=cell.device)
        return best.scatter_reduce_(0, cell, word, "amax")[cell]


def _first_of_equal(ids: Tensor) -> Tensor:
    """First position with the same id, int64 ``[R]``; static shapes, no synchronisation."""
    ordered, position = ids.sort(stable=True)
    start = torch.ones_like(ordered, dtype=torch.bool)
    start[1:] = ordered[1:] != ordered[:-1]
    places = torch.arange(ids.numel(), device=ids.device)
    lead = torch.where(start, places, 0).cummax(0).values  # where each run of equal ids begins
    first = torch.empty_like(position)
    first[position] = position[lead]
    return first
