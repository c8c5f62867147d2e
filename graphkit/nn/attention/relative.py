r"""A bias before and a factor after the softmax for each relation of two positions (URPE).

Luo, Li, Zheng, Liu, Wang, He, "Your Transformer May Not Be as Powerful as You Expect", NeurIPS
2022, arXiv 2205.13401. The relation of query i and key j is an index: their offset j - i in a
sequence, or their distance in a graph. With a bias alone, every row of the attention matrix is a
probability vector, so that a constant sequence gives a constant output at any depth. The factor
removes this limitation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["RelativeTables", "hop_index", "log_bucket_index", "offset_index"]


class RelativeTables(nn.Module):
    r"""Learned :math:`B` and :math:`C` of URPE, looked up by relation.

    :math:`C` is initialised to one, so that the layer initially equals ordinary relative attention.

    Args:
        num_relations: Number of relations.
        heads: Number of heads, each with separate tables.

    Shapes:
        - **input:** int64 ``[..., L, S]`` below ``num_relations``.
        - **output:** ``(B, C)``, each ``[..., heads, L, S]``.
    """

    def __init__(self, num_relations: int, heads: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(num_relations, heads))
        self.factor = nn.Parameter(torch.empty(num_relations, heads))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset the parameters: B is drawn from N(0, 0.02), and C is set to one."""
        nn.init.normal_(self.bias, std=0.02)
        nn.init.ones_(self.factor)

    def forward(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return self.bias[index].movedim(-1, -3), self.factor[index].movedim(-1, -3)

    def extra_repr(self) -> str:
        return f"{self.bias.shape[0]}, heads={self.bias.shape[1]}"


def offset_index(offset: Tensor, max_length: int, causal: bool = False) -> Tensor:
    """Relations by offset j - i; offsets of ``max_length`` and more share the last entry.

    Args:
        offset: Offsets, int64.
        max_length: Offsets from ``1 - max_length`` to ``max_length - 1`` have separate entries.
        causal: Whether no key comes after its query.

    Returns:
        int64 below ``max_length`` if causal, below ``2 * max_length - 1`` otherwise.
    """
    if causal:
        return (-offset).clamp(0, max_length - 1)
    return offset.clamp(1 - max_length, max_length - 1) + max_length - 1


def log_bucket_index(
    offset: Tensor, buckets: int, max_distance: int = 128, causal: bool = False
) -> Tensor:
    """Relations by offset j - i, in buckets that widen with the distance, as in T5.

    The first half of the buckets of a direction contain one offset each, and the others widen
    logarithmically up to ``max_distance``. Without ``causal`` each direction has half of all
    buckets.
    """
    first = 0
    if causal:
        distance = (-offset).clamp(min=0)
    else:
        buckets //= 2
        first = torch.where(offset > 0, buckets, 0)
        distance = offset.abs()
    exact = buckets // 2
    scale = (buckets - exact) / math.log(max_distance / exact)
    far = exact + (torch.log(distance.clamp(min=1) / exact) * scale).long()
    return first + torch.where(distance < exact, distance, far.clamp(max=buckets - 1))


def hop_index(distance: Tensor, max_distance: int) -> Tensor:
    """Relations by distance in a graph, for attention between nodes.

    Args:
        distance: Lengths of shortest paths, int64 ``[..., N, N]``, negative if there is none.
        max_distance: Largest distance with a separate entry; larger distances share its entry.

    Returns:
        int64 below ``max_distance + 2``; the last entry is used for unreachable pairs only.
    """
    return torch.where(distance < 0, max_distance + 1, distance.clamp(max=max_distance))
