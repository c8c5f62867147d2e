r"""Batch normalisation and ELU as one operation: one tensor kept for the way back instead of two.

.. math::
    y = \mathrm{ELU}(\gamma \hat x + \beta), \qquad \hat x = (x - \mu) / \sqrt{\sigma^2 + \epsilon}

ELU's slope follows from its result (1 where :math:`y > 0`, else :math:`y + 1`), so that of the two
layers only x and y are kept, and the gradient is two passes over them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from graphkit.ops.compiled import compiled, use_compiled

__all__ = ["norm_elu"]


def norm_elu(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """ELU of the batch normalisation of every channel.

    Args:
        x: ``[C, M]``, M numbers for each channel.
        weight: ``[C]``.
        bias: ``[C]``.
        running_mean: ``[C]``, moved in training.
        running_var: ``[C]``, moved in training.
        training: Whether the batch's own statistics are used.
        momentum: Weight of the batch in the running statistics.
        eps: Added to the variance.

    Returns:
        ``[C, M]``, of the type of ``x``; computed in that of ``weight``.
    """
    if x.dtype != weight.dtype:  # autocast: sums over a batch want the parameters' own type
        wide = x.to(weight.dtype)
        return norm_elu(wide, weight, bias, running_mean, running_var, training, momentum, eps).to(
            x.dtype
        )
    if training and use_compiled(x, weight, bias):
        return _NormELU.apply(x, weight, bias, running_mean, running_var, momentum, eps)
    normed = F.batch_norm(
        x.unsqueeze(0), running_mean, running_var, weight, bias, training, momentum, eps
    )
    return F.elu(normed[0])


class _NormELU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        x = x.contiguous()
        y, mean, var = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        _forward_loop(
            *(t.detach().contiguous().numpy() for t in (x, weight, bias)), eps,
            y.numpy(), mean.numpy(), var.numpy(),
        )  # fmt: skip
        count = x.shape[1]
        running_mean.lerp_(mean.to(running_mean), momentum)
        running_var.lerp_((var * (count / max(count - 1, 1))).to(running_var), momentum)
        F.elu_(y)
        ctx.save_for_backward(x, y, weight, mean, torch.rsqrt(var + eps))
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, y, weight, mean, scale = (t.detach() for t in ctx.saved_tensors)
        dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        _backward_loop(
            *(t.contiguous().numpy() for t in (x, y, dy, weight, mean, scale)),
            dx.numpy(), dweight.numpy(), dbias.numpy(),
        )  # fmt: skip
        return dx, dweight, dbias, None, None, None, None


@compiled(reorder_sums=True)
def _forward_loop(x, weight, bias, eps, y, mean, var):
    channels, count = x.shape
    size = x.dtype.type(count)
    for c in range(channels):
        total = x.dtype.type(0)
        for i in range(count):
            total += x[c, i]
        m = total / size
        total = x.dtype.type(0)
        for i in range(count):
            total += (x[c, i] - m) * (x[c, i] - m)
        mean[c], var[c] = m, total / size
        factor = weight[c] / np.sqrt(var[c] + x.dtype.type(eps))
        shift = bias[c] - m * factor
        for i in range(count):
            y[c, i] = x[c, i] * factor + shift


@compiled(reorder_sums=True)
def _backward_loop(x, y, dy, weight, mean, scale, dx, dweight, dbias):
    channels, count = x.shape
    one, size = x.dtype.type(1), x.dtype.type(count)  # all in the precision of x
    for c in range(channels):
        m, r = mean[c], scale[c]
        total, along = x.dtype.type(0), x.dtype.type(0)
        for i in range(count):
            slope = one if y[c, i] > 0 else y[c, i] + one
            g = dy[c, i] * slope
            dx[c, i] = g
            total += g
            along += g * (x[c, i] - m)
        dbias[c], dweight[c] = total, along * r
        factor = weight[c] * r
        shift = total / size
        tilt = along * r * r / size
        for i in range(count):
            dx[c, i] = factor * (dx[c, i] - shift - (x[c, i] - m) * tilt)
