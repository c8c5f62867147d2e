"""Classifier of node pairs: the head of link prediction and of edge classification."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.ops.pair_logits import pair_logits
from graphkit.ops.pair_scores import pair_scores
from graphkit.registry import register

__all__ = ["PairMLP"]


@register("layer", "pair_mlp")
class PairMLP(nn.Module):
    r"""Linear, ReLU, Linear on :math:`[h_u \Vert h_v]`, the classifier of the EvolveGCN code.

    The first layer is split: its halves meet every node once and not every pair; see
    :mod:`graphkit.ops.pair_logits`.

    Args:
        in_channels: Width of a node's embedding.
        hidden_channels: Width of the hidden layer.
        num_classes: Number of classes.

    Shapes:
        - **input:** embeddings ``[n, in_channels]``, rows of sources and destinations int64 ``[M]``
        - **output:** logits ``[M, num_classes]``
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_classes: int = 2) -> None:
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        self.first = nn.Linear(2 * in_channels, hidden_channels)
        self.second = nn.Linear(hidden_channels, num_classes)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters as in :class:`torch.nn.Linear`."""
        self.first.reset_parameters()
        self.second.reset_parameters()

    def halves(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """What each row gives the hidden layer as a source (bias included), as a destination."""
        source, target = self.first.weight.split(self.in_channels, dim=1)
        return torch.addmm(self.first.bias, h, source.T), h @ target.T

    def forward(self, h: Tensor, src: Tensor, dst: Tensor) -> Tensor:
        """Logits of pairs of rows."""
        return pair_logits(*self.halves(h), src, dst, self.second.weight, self.second.bias)

    def differences(self, h: Tensor, src: Tensor, dst: Tensor) -> Tensor:
        """Class 1 against class 0: the difference of their logits, ``[M]``."""
        weight, bias = self._difference
        weight, bias = weight.unsqueeze(0), bias.unsqueeze(0)
        return pair_logits(*self.halves(h), src, dst, weight, bias).squeeze(1)

    @torch.no_grad()
    def margins(self, h: Tensor) -> PairMargins:
        """Class 1 against class 0 for all pairs, row by row when asked for.

        Ranks are taken on this difference of logits, which orders pairs as the probability of
        class 1 does, but does not saturate.
        """
        return PairMargins(*self.halves(h), *self._difference)

    @property
    def _difference(self) -> tuple[Tensor, Tensor]:
        weight, bias = self.second.weight, self.second.bias
        return weight[1] - weight[0], bias[1] - bias[0]


class PairMargins:
    """``margins(rows)``: the scores ``[R, n]`` of some rows as sources with all as destinations."""

    def __init__(self, source: Tensor, target: Tensor, weight: Tensor, bias: Tensor) -> None:
        self._source, self._target, self._weight, self._bias = source, target, weight, bias

    def __call__(self, rows: Tensor) -> Tensor:
        """Scores of the pairs (rows, everything)."""
        left = self._source.index_select(0, rows)
        return pair_scores(left, self._target, self._weight) + self._bias
