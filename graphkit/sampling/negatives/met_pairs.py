"""Distinct destinations that a source met before a time, in order of the first meeting."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops.counter_rng import integers
from graphkit.sampling.negatives.record import fingerprint
from graphkit.sampling.negatives.true_events import Exclusions, TrueEvents, check_key

__all__ = ["MetPairs", "pair_keys"]


def pair_keys(src: Tensor, dst: Tensor, num_nodes: int) -> Tensor:
    """``src * N + dst``, int64 ``[E]``."""
    check_key(num_nodes, num_nodes, "source * N + destination")
    return src * num_nodes + dst


class MetPairs:
    """Distinct (source, destination) pairs of chosen events, searchable by source and time.

    The pairs of a source are listed in the order of their first event. The pairs met strictly
    before a time are then a prefix of the list, whose length is found by one binary search, and a
    uniform draw over distinct destinations is a uniform draw from that prefix. Pairs are directed.

    Args:
        truth: The true events.
        chosen: bool ``[E]``, the events that count as meetings, in storage order.
        allow_true: Whether true destinations of the source at the query time may be drawn.
    """

    def __init__(self, truth: TrueEvents, chosen: Tensor, allow_true: bool) -> None:
        csr = truth.csr
        self._truth, self._bits = truth, csr.bits
        position = chosen.nonzero().view(-1)
        pair = pair_keys(csr.src[position], csr.dst[position], csr.num_nodes)
        pair, order = pair.sort(stable=True)  # equal pairs keep their order in time
        first = torch.ones_like(pair, dtype=torch.bool)
        first[1:] = pair[1:] != pair[:-1]
        pair, position = pair[first], position[order[first]]
        self._key, order = ((csr.src[position] << csr.bits) | position).sort()
        self._dst = csr.dst[position[order]]
        nodes = torch.arange(csr.num_nodes + 1, device=pair.device)
        self._indptr = torch.searchsorted(self._key, nodes << csr.bits)
        self._exclusions = None
        if allow_true or not pair.numel():
            return
        # Index of each true destination of a group in its source's list, if it was met before.
        group, dst = truth.members()
        src = truth.group_src[group]
        at = torch.searchsorted(pair, pair_keys(src, dst, csr.num_nodes)).clamp_(
            max=pair.numel() - 1
        )
        index = torch.empty_like(order)
        index[order] = torch.arange(order.numel(), device=order.device)
        met = pair[at] == pair_keys(src, dst, csr.num_nodes)
        met &= position[at] < truth.group_start[group]
        index = index[at] - self._indptr[src]
        widest = int((self._indptr[1:] - self._indptr[:-1]).max())
        self._exclusions = Exclusions(group[met], index[met], truth.num_groups, widest)

    def __len__(self) -> int:
        return self._key.numel()

    def fingerprint(self) -> str:
        """A digest of the pairs and of the order of first meetings."""
        return fingerprint(self._key >> self._bits, self._dst)

    def draw(
        self, src: Tensor, t: Tensor, group: Tensor | None, num: int, *key: int | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Draw destinations met strictly before ``t`` and not met at ``t``, uniformly.

        Args:
            src, t: ``[B]``.
            group: Groups of the events in ``truth``, ``[B]``.
            num: Number of draws per row, independent of each other.
            *key: Tensors of shape ``[B, 1]`` that determine the draws.

        Returns:
            int64 ``[B, num]``, and bool ``[B]``, false if there is no candidate (the row is then
            meaningless).
        """
        if not len(self):
            return src.new_zeros(src.shape[0], num), torch.zeros_like(src, dtype=torch.bool)
        begin = self._indptr[src]
        before = self._truth.csr.position(t)
        left = torch.searchsorted(self._key, (src << self._bits) | before) - begin
        if self._exclusions is not None:
            left = left - self._exclusions.count(group)
        rank = integers(left.unsqueeze(1), *key, torch.arange(num, device=src.device))
        if self._exclusions is not None:
            rank = self._exclusions.skip(group, rank)
        entry = (begin.unsqueeze(1) + rank).clamp_(max=len(self) - 1)
        return self._dst[entry], left > 0
