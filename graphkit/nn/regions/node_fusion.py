"""One signal for each region: a weighted mean whose weights depend on the sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphkit.nn.regions.block_diagonal import BlockDiagonal

__all__ = ["NodeFusion"]


class NodeFusion(nn.Module):
    r"""Summarises the nodes of each region in one signal.

    .. math::
        a = \frac{1}{T} \sum_t X_{r,t}, \quad s = \mathrm{softmax}(W_r^\top a + b_r), \quad
        \mathrm{out}_{r,t} = X_{r,t} \, s

    The weights of a region are positive and sum to one, for every sample anew (HiSTN, arXiv
    2408.15255). They do not depend on time, so the mean over time of the result is the result for
    the mean over time: :meth:`pool`.

    Args:
        partition: For each region the indices of its nodes; one region with all nodes gives one
            signal for the whole.

    Shapes:
        - **input:** ``[..., B, T, N]``
        - **output:** ``[..., B, T, R]``
    """

    def __init__(self, partition: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.attention = BlockDiagonal(partition)
        num_nodes, width = self.attention.num_nodes, max(self.attention.sizes)
        self.bias = nn.Parameter(torch.zeros(num_nodes))
        member = torch.zeros(len(partition), width, dtype=torch.int64)
        empty = torch.ones(len(partition), width, dtype=torch.bool)
        for r, part in enumerate(partition):
            member[r, : len(part)] = torch.tensor(list(part))
            empty[r, : len(part)] = False
        place = torch.zeros(num_nodes, dtype=torch.int64)
        place[member[~empty]] = (~empty).reshape(-1).nonzero().squeeze(1)
        self.register_buffer("member", member, persistent=False)
        self.register_buffer("empty", empty, persistent=False)
        self.register_buffer("place", place, persistent=False)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module; biases are set to zero."""
        self.attention.reset_parameters()
        nn.init.zeros_(self.bias)

    def _by_region(self, mean: Tensor) -> Tensor:
        """Weights ``[..., B, R, width]``, zero where a region has fewer nodes."""
        scores = self.attention(mean) + self.bias.unsqueeze(-2)
        padded = scores[..., self.member].masked_fill(self.empty, float("-inf"))
        return padded.softmax(-1)

    def weights(self, mean: Tensor) -> Tensor:
        """The share of each node in its region's signal.

        Args:
            mean: Signals averaged over time, ``[..., B, N]``.

        Returns:
            ``[..., B, N]``: positive, summing to one within each region.
        """
        return self._by_region(mean).flatten(-2).index_select(-1, self.place)

    def pool(self, mean: Tensor) -> Tensor:
        """The time average of the fused signals from that of the nodes: ``[..., B, R]``."""
        return (self._by_region(mean) * mean[..., self.member]).sum(-1)

    def forward(self, x: Tensor) -> Tensor:
        s = self._by_region(x.mean(-2)).unsqueeze(-3)
        return (s * x[..., self.member]).sum(-1)
