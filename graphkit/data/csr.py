"""Temporal adjacency per node, in order of time; the index of every sampler."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["TemporalCSR"]

Direction = Literal["both", "out", "in"]


class TemporalCSR:
    r"""Temporal adjacency in compressed rows, each row sorted by event position.

    Every event :math:`(u, v, t)` gives an entry in the row of :math:`u` (neighbour :math:`v`) and
    one in the row of :math:`v` (neighbour :math:`u`); a self loop gives a single entry. Positions
    count the events in storage order, that is by time, ties in input order. The layout is the
    T-CSR of Zhou et al., "TGL: a general framework for temporal GNN training on billion-scale
    graphs" (VLDB 2022).

    In addition to the rows there is one sorted array of keys, ``node << bits | position``, with
    which the number of events of node :math:`u` before position :math:`p` is a single
    ``searchsorted``, for any number of queries at once. The index is built with :meth:`build`: one
    stable radix sort of the owners, linear in the number of events. :math:`L` is the number of
    entries, ``2 * E`` minus the number of self loops.

    Attributes:
        src, dst, t: The events, ``[E]`` (shared, not copied).
        num_nodes: Number of nodes, ``N``.
        direction: ``"both"``, ``"out"`` (entries of sources only) or ``"in"`` (of destinations).
        indptr: int64 ``[N + 1]``; the row of node ``v`` is ``indptr[v]:indptr[v + 1]``.
        neighbor: int64 ``[L]``, the other node of the event.
        time: int64 or float64 ``[L]``, time of the event.
        key: int64 ``[L]``, ``node << bits | event``, increasing.
    """

    # Zeros kept before the first entry, so that a window over the entries may begin before it.
    _LEAD = 128

    def __init__(
        self,
        src: Tensor,
        dst: Tensor,
        t: Tensor,
        num_nodes: int,
        direction: Direction,
        bits: int,
        indptr: Tensor,
        key: Tensor,
        neighbor: Tensor,
        time: Tensor,
    ) -> None:
        self.src, self.dst, self.t = src, dst, t
        self.num_nodes, self.direction, self.bits = num_nodes, direction, bits
        self.indptr = indptr
        self._padded = {
            name: torch.cat([value.new_zeros(self._LEAD), value])
            for name, value in (("key", key), ("neighbor", neighbor), ("time", time))
        }
        self.key = self._padded["key"][self._LEAD :]
        self.neighbor = self._padded["neighbor"][self._LEAD :]
        self.time = self._padded["time"][self._LEAD :]
        self._directed: dict[str, TemporalCSR] = {}

    @classmethod
    def build(
        cls, src: Tensor, dst: Tensor, t: Tensor, num_nodes: int, direction: Direction = "both"
    ) -> TemporalCSR:
        """Index a stream.

        Args:
            src: int64 ``[E]``, ids in ``0..num_nodes - 1``.
            dst: int64 ``[E]``.
            t: int64 or float64 ``[E]``, not decreasing.
            num_nodes: ``N``.
            direction: Nodes whose rows get an entry: both, the source (``"out"``) or the
                destination (``"in"``).

        Raises:
            GraphError: The direction is unknown, or ``N * (E + 1)`` exceeds int64.
        """
        num_events = src.numel()
        bits = num_events.bit_length()  # positions 0..E fit: E itself means "after the last"
        if num_nodes.bit_length() + bits > 63:
            raise GraphError(
                "num_nodes",
                "the key node * (E + 1) + position does not fit in int64",
                expected=f"num_nodes below 2**{63 - bits} with {num_events} events",
                got=num_nodes,
                fix="Map the nodes to consecutive ids, or index a slice of the events.",
            )
        if direction == "both":
            # Entry 2e belongs to src[e], entry 2e + 1 to dst[e]; a stable sort keeps positions in
            # order within an owner.
            owner = torch.stack([src, dst], dim=1).view(-1)
            position = None
            loop = src == dst
            if bool(loop.any()):
                keep = torch.ones_like(owner, dtype=torch.bool)
                keep[1::2] = ~loop
                position = keep.nonzero().view(-1) >> 1
                owner = owner[keep]
        elif direction in ("out", "in"):
            owner = src if direction == "out" else dst
        else:
            raise GraphError(
                "direction", "there is no such direction", expected="both, out or in", got=direction
            )
        counts = torch.bincount(owner, minlength=num_nodes)
        indptr = torch.zeros(num_nodes + 1, dtype=torch.int64, device=src.device)
        torch.cumsum(counts, 0, out=indptr[1:])
        owner, event = torch.sort(owner, stable=True)
        if direction == "both":
            if position is None:
                event = event.bitwise_right_shift_(1)
            else:
                event = position.index_select(0, event)
            # Both ends less the owner is the other end, for a self loop the node itself.
            neighbor = (src + dst).index_select(0, event).sub_(owner)
        else:
            neighbor = (dst if direction == "out" else src).index_select(0, event)
        time = t.index_select(0, event)
        key = owner.bitwise_left_shift_(bits).bitwise_or_(event)
        return cls(src, dst, t, num_nodes, direction, bits, indptr, key, neighbor, time)

    @property
    def event(self) -> Tensor:
        """int64 ``[L]``, position of each entry's event in storage order, taken from the keys."""
        return self.key & ((1 << self.bits) - 1)

    def directed(self, direction: Direction) -> TemporalCSR:
        """The index of the same events for one direction only; built on first use, then kept."""
        if direction == self.direction:
            return self
        if direction not in self._directed:
            self._directed[direction] = TemporalCSR.build(
                self.src, self.dst, self.t, self.num_nodes, direction
            )
        return self._directed[direction]

    def position(self, t: Tensor, *, right: bool = False) -> Tensor:
        """Number of events strictly earlier than ``t`` (``right``: not later than ``t``).

        Args:
            t: Times ``[...]`` of the dtype of ``self.t``, contiguous for speed.

        Returns:
            int64 ``[...]``, in ``0..E``.
        """
        return torch.searchsorted(self.t, t, right=right)

    def entry(self, node: Tensor, position: Tensor) -> Tensor:
        """First entry in the row of ``node`` whose event is at ``position`` or later.

        Args:
            node: int64 ``[...]``; a negative node has an empty row before all others (entry 0).
            position: int64 ``[...]``, in ``0..E``.

        Returns:
            int64 ``[...]``, in ``0..L``; entries ``indptr[node]:entry`` are the earlier ones.
        """
        return torch.searchsorted(self.key, (node << self.bits).bitwise_or_(position))

    def windows(self, column: Literal["key", "neighbor", "time"], size: int) -> Tensor:
        """Every run of ``size`` consecutive entries of a column, as a strided view.

        Args:
            column: Name of the column; the low ``bits`` of ``"key"`` are the event's position.
            size: Number of entries per run, ``k``.

        Returns:
            ``[L + 1, k]``; row ``i`` holds entries ``i - k .. i - 1``. The caller must mask entries
            before the row of the node (zeros before the first entry).
        """
        padded, lead = self._padded[column], self._LEAD
        if size > lead:  # rare: a copy with a longer lead
            padded, lead = torch.cat([padded.new_zeros(size - lead), padded]), size
        rows = padded.numel() - lead + 1
        return padded.as_strided((rows, size), (1, 1), padded.storage_offset() + lead - size)

    def __repr__(self) -> str:
        return (
            f"TemporalCSR(num_nodes={self.num_nodes}, num_events={self.src.numel()}, "
            f"num_entries={self.key.numel()}, direction={self.direction!r})"
        )
