"""Means of pairs of steps, without the strided gradients that slices have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

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
        even = ctx.steps // 2 * 2
        return (x[..., 0:even:2] + x[..., 1:even:2]).mul_(0.5)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        half = (dy * 0.5).unsqueeze(-1)
        dx = half.expand(*half.shape[:-1], 2).flatten(-2)
        return torch.nn.functional.pad(dx, (0, 1)) if ctx.steps % 2 else dx
