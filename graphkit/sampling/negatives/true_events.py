"""Events of each source and time, so that no negative is a true event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.data.csr import TemporalCSR
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data import TemporalGraph

__all__ = ["Exclusions", "TrueEvents"]


class TrueEvents:
    """The events of a graph, grouped by (source, time).

    Attributes:
        csr: Rows of the sources, see :class:`~graphkit.data.csr.TemporalCSR`; positions count the
            events of the graph (of the slice, for a slice).
        num_groups: ``G``, number of distinct (source, time).
        group_src: int64 ``[G]``.
        group_start: int64 ``[G]``, number of events strictly earlier than the group's time.
        member: int64 ``[D]`` sorted, ``group * N + destination``, without duplicates.
    """

    def __init__(self, csr: TemporalCSR) -> None:
        self.csr = csr
        owner = csr.key >> csr.bits
        new = torch.ones_like(owner, dtype=torch.bool)
        new[1:] = (owner[1:] != owner[:-1]) | (csr.time[1:] != csr.time[:-1])
        self._group = new.long().cumsum(0) - 1
        self.group_src = owner[new]
        self.group_start = csr.position(csr.time[new])
        self.num_groups = self.group_src.numel()
        check_key(self.num_groups, csr.num_nodes, "group * N + destination")
        self.member = (self._group * csr.num_nodes + csr.neighbor).unique()

    @classmethod
    def of(cls, graph: TemporalGraph | None, train: TemporalGraph | None) -> TrueEvents:
        """True events of ``graph``, or of the whole graph that ``train`` is a slice of; built once.

        Raises:
            GraphError: Both are ``None``, or there are no events.
        """
        source = graph if graph is not None else train
        if source is None:
            raise GraphError("graph", "negatives need the graph", fix="Pass graph= or train=.")
        columns = source.columns
        num_events = columns.t.numel()
        start, stop = (0, num_events) if graph is None else graph.event_range
        if start >= stop:
            raise GraphError("graph", "there are no events to draw negatives for")
        key = f"true_events[{start}:{stop}]"
        if key not in columns.cache:
            if (start, stop) == (0, num_events):
                csr = source.csr.directed("out")
            else:
                rows = slice(start, stop)
                csr = TemporalCSR.build(
                    columns.src[rows], columns.dst[rows], columns.t[rows], columns.num_nodes, "out"
                )
            columns.cache[key] = cls(csr)
        return columns.cache[key]

    def group(self, src: Tensor, t: Tensor) -> Tensor:
        """Group of each (source, time), -1 if the graph has no such event: int64 ``[B]``."""
        csr = self.csr
        entry = csr.entry(src, csr.position(t)).clamp_(max=csr.key.numel() - 1)
        found = (csr.key.index_select(0, entry) >> csr.bits) == src
        found &= csr.time.index_select(0, entry) == t
        return torch.where(found, self._group.index_select(0, entry), -1)

    def contains(self, group: Tensor, dst: Tensor) -> Tensor:
        """Whether each destination is a true one of its group: bool; shapes are broadcast."""
        key = group * self.csr.num_nodes + dst
        at = torch.searchsorted(self.member, key).clamp_(max=self.member.numel() - 1)
        return (self.member[at] == key) & (group >= 0)

    def members(self) -> tuple[Tensor, Tensor]:
        """Group and destination of each entry of :attr:`member`: two int64 ``[D]``."""
        group = torch.div(self.member, self.csr.num_nodes, rounding_mode="floor")
        return group, self.member - group * self.csr.num_nodes


class Exclusions:
    r"""Finds the :math:`r`-th allowed candidate of a group without enumerating the others.

    Every group has a list of candidates, of which those at sorted indices
    :math:`s_0 < s_1 < \ldots` are excluded. The :math:`r`-th remaining candidate is at index
    :math:`r + |\{j : s_j - j \le r\}|`, found by one binary search, since :math:`s_j - j` does not
    decrease. A draw is therefore uniform over the allowed candidates, and its cost does not depend
    on the exclusions. Nothing is redrawn.

    Args:
        group: int64 ``[D]``, the group of each exclusion.
        index: int64 ``[D]``, index of the excluded candidate in the group's list.
        num_groups: ``G``.
        width: Upper bound of the length of all lists.
    """

    def __init__(self, group: Tensor, index: Tensor, num_groups: int, width: int) -> None:
        check_key(num_groups, width + 1, "group * candidates + index")
        self._width = width + 1
        key = (group * self._width + index).sort().values
        group = torch.div(key, self._width, rounding_mode="floor")
        counts = torch.bincount(group, minlength=num_groups)
        self._start = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        rank = torch.arange(key.numel(), device=key.device) - self._start.index_select(0, group)
        self._key = key - rank
        self._counts = torch.cat([counts, counts.new_zeros(1)])  # row -1: no group, no exclusion
        self.most = int(counts.max()) if counts.numel() else 0

    def count(self, group: Tensor) -> Tensor:
        """Number of exclusions of each group (0 for group -1), int64 of the same shape."""
        return self._counts[group]

    def skip(self, group: Tensor, rank: Tensor) -> Tensor:
        """Index of the ``rank``-th remaining candidate, int64 ``[B, C]``.

        Args:
            group: int64 ``[B]``; -1 for no group.
            rank: int64 ``[B, C]``, from 0, below the number of remaining candidates.
        """
        group = group.unsqueeze(1)
        before = torch.searchsorted(self._key, group * self._width + rank, right=True)
        return rank + (before - self._start[group.clamp(min=0)]).masked_fill_(group < 0, 0)


def check_key(a: int, b: int, what: str) -> None:
    """Raise if ``a * b`` does not fit in int64."""
    if a * b >= 1 << 63:
        raise GraphError("num_nodes", f"the key {what} does not fit in int64", got=f"{a} * {b}")
