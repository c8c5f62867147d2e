r"""Batch normalisation and ELU as one operation: one tensor kept for the way back instead of two.

.. math::
    y = \mathrm{ELU}(\gamma \hat x + \beta), \qquad \hat x = (x - \mu) / \sqrt{\sigma^2 + \epsilon}

ELU's slope follows from its result (1 where :math:`y > 0`, else :math:`y + 1`), so that of the two
layers only x and y are kept, and the gradient is two passes over them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphkit.ops.compiled import use_compiled
from graphkit.ops.norm_elu import loops

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
        loops.forward(
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
        loops.backward(
            *(t.contiguous().numpy() for t in (x, y, dy, weight, mean, scale)),
            dx.numpy(), dweight.numpy(), dbias.numpy(),
        )  # fmt: skip
        return dx, dweight, dbias, None, None, None, None
