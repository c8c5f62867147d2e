"""Means of pairs of steps, in one pass forward and one backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit.ops.compiled import use_compiled
from graphkit.ops.pair_mean import loops

__all__ = ["pair_mean"]


def pair_mean(x: Tensor) -> Tensor:
    """Mean of steps 0 and 1, 2 and 3, and so on; an odd last step is left out.

    Args:
        x: ``[..., T]``.

    Returns:
        ``[..., T // 2]``.
    """
    return _PairMean.apply(x)


class _PairMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.steps = x.shape[-1]
        if use_compiled(x):
            y = x.new_empty(*x.shape[:-1], ctx.steps // 2)
            flat = x.detach().contiguous().view(-1, ctx.steps)
            loops.means(flat.numpy(), y.view(len(flat), ctx.steps // 2).numpy())
            return y
        even = ctx.steps // 2 * 2
        return (x[..., 0:even:2] + x[..., 1:even:2]).mul_(0.5)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        if use_compiled(dy):
            dx = dy.new_empty(*dy.shape[:-1], ctx.steps)
            flat = dx.view(-1, ctx.steps)
            given = dy.contiguous().view(len(flat), ctx.steps // 2)
            loops.halves(given.numpy(), flat.numpy())
            return dx
        half = (dy * 0.5).unsqueeze(-1)
        dx = half.expand(*half.shape[:-1], 2).flatten(-2)
        return torch.nn.functional.pad(dx, (0, 1)) if ctx.steps % 2 else dx
