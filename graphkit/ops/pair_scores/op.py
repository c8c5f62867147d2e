r"""Scores of all pairs of rows under a two-layer perceptron, without the pairs' hidden layers.

The first layer of a perceptron on :math:`[h_u \Vert h_v]` is a sum, :math:`a_u + b_v`, so every row
passes it once. What is left per pair is :math:`w^\top \mathrm{relu}(a_u + b_v)`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops.compiled import use_compiled
from graphkit.ops.pair_scores import loops

__all__ = ["pair_scores"]

_CELLS = 1 << 21  # floats of hidden layer at a time, on the torch path
_BLOCK = 256  # columns whose part of ``right`` stays in a core's cache


@torch.no_grad()
def pair_scores(left: Tensor, right: Tensor, weight: Tensor) -> Tensor:
    r""":math:`s_{uv} = \sum_k w_k \, \mathrm{relu}(a_{uk} + b_{vk})`, without gradients.

    Args:
        left: a, ``[R, c]``.
        right: b, ``[U, c]``.
        weight: w, ``[c]``.

    Returns:
        ``[R, U]``; memory beyond it does not grow with ``R * U``.
    """
    if use_compiled(left, right, weight) and left.dtype == right.dtype == weight.dtype:
        out = left.new_zeros(left.shape[0], right.shape[0])
        turned = right.detach().T.contiguous().numpy()
        given = left.detach().contiguous().numpy()
        loops.score_all(given, turned, weight.detach().contiguous().numpy(), out.numpy(), _BLOCK)
        return out
    step = max(1, _CELLS // max(right.numel(), 1))
    parts = [torch.relu(part.unsqueeze(1) + right) @ weight for part in left.split(step)]
    return torch.cat(parts) if parts else left.new_zeros(0, right.shape[0])
