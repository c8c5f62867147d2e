"""Dropout with masks of sixteen random bits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.ops.random_mask import keep_scale, random_mask

__all__ = ["fast_dropout", "relu_dropout"]


def fast_dropout(x: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """Dropout with a mask from :func:`~graphkit.ops.random_mask.op.random_mask`."""
    if p == 0:
        return x
    if torch.compiler.is_compiling():
        return F.dropout(x, p)
    return x * random_mask(x.shape, p, x.device, generator) * keep_scale(p)


def relu_dropout(x: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """``fast_dropout(x.relu(), p, generator)``, which keeps for its gradient only what it gives."""
    if p == 0 or torch.compiler.is_compiling():
        return fast_dropout(x.relu(), p)
    return _ReluDropout.apply(x, random_mask(x.shape, p, x.device, generator), keep_scale(p))


class _ReluDropout(torch.autograd.Function):
    """What is above zero and kept, scaled; the gradient goes where the result is above zero."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: Tensor, scale: float) -> Tensor:
        out = x.relu().mul_(kept).mul_(scale)
        ctx.scale = scale
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor, None, None]:
        (out,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(dout * ctx.scale, out, 0), None, None
