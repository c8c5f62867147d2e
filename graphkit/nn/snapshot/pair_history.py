"""What the links of earlier snapshots say about a pair of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.snapshot.snapshot import Snapshot
from graphkit.registry import register

__all__ = ["LinkedPairs", "PairHistory"]


class LinkedPairs(NamedTuple):
    """Pairs of nodes that were linked, and what is added to their scores.

    Attributes:
        sources: int64 ``[Q]``.
        targets: int64 ``[Q]``; every pair occurs once.
        offsets: ``[Q]``.
    """

    sources: Tensor
    targets: Tensor
    offsets: Tensor


@register("layer", "pair_history")
class PairHistory(nn.Module):
    r"""A weight for every number of snapshots ago that a pair was linked.

    .. math::
        o_t(u, v) = \sum_{k=0}^{K-1} a_k \, [(u, v) \in A_{t-k}]

    added to a pair's score. Embeddings of nodes, from which EvolveGCN scores pairs, cannot tell
    whether two nodes have met; on most interaction networks that says more than anything else about
    whether they will. Not in the paper. Self loops do not count.

    Weights begin at :math:`a_k = 4 \cdot 0.7^k`: who met lately meets again.

    Args:
        steps: K, snapshots that it looks back, the last one included.

    Shapes:
        - **input:** snapshots, oldest first, all of the same N nodes (of more than K the last K
          count); sources and destinations, node ids int64 ``[M]``
        - **output:** offsets ``[M]``

    Raises:
        GraphError: ``steps`` is not positive.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        if steps < 1:
            raise GraphError(
                "steps", "there is nothing to look back at", expected=">= 1", got=steps
            )
        self.steps = steps
        self.weight = nn.Parameter(torch.empty(steps))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Go back to the first weights."""
        with torch.no_grad():
            self.weight.copy_(4 * 0.7 ** torch.arange(self.steps))

    def forward(self, snapshots: Sequence[Snapshot], src: Tensor, dst: Tensor) -> Tensor:
        """What to add to the scores of some pairs."""
        met = torch.stack([s.linked(src, dst) for s in self._latest(snapshots)], dim=1)
        return met.to(self.weight.dtype) @ self.weight[: met.shape[1]]

    @torch.no_grad()
    def pairs(self, snapshots: Sequence[Snapshot]) -> LinkedPairs:
        """All pairs that were linked, with their offsets; every other pair has 0."""
        latest = self._latest(snapshots)
        n = latest[0].num_nodes
        edges = [s.node_edges() for s in latest]
        offset = [w.expand(e.shape[1]) for w, e in zip(self.weight, edges)]
        src, dst = torch.cat(edges, dim=1)
        key, place = (src * n + dst).unique(return_inverse=True)
        total = self.weight.new_zeros(key.numel()).index_add_(0, place, torch.cat(offset))
        return LinkedPairs(torch.div(key, n, rounding_mode="floor"), key % n, total)

    def extra_repr(self) -> str:
        return f"steps={self.steps}"

    def _latest(self, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
        """The last K snapshots, the latest first."""
        return list(snapshots[-self.steps :])[::-1]
