"""Batch normalisation where channels come before batch and time, for one model or many."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphkit.ops.norm_elu import norm_elu

__all__ = ["ChannelNorm"]


class ChannelNorm(nn.Module):
    """Normalises each channel over batch and time; Keras' epsilon and momentum by default.

    The running variance is by default the unbiased one, as torch's and that of the fused kernels of
    Keras 2, which it uses for pictures; Keras 3 follows the biased variance of batches.

    Args:
        num_channels: Channels.
        eps: Added to the variance.
        momentum: Weight of the new batch in the running statistics (1 minus Keras' momentum).
        unbiased: Whether the running variance follows the unbiased variance of batches.
        elu: ELU of the result, as one operation (:func:`~graphkit.ops.norm_elu.op.norm_elu`).

    Shapes:
        - **input:** ``[..., C, B, T]``; parameters with leading axes have one set for each of them
        - **output:** the same
    """

    def __init__(
        self,
        num_channels: int,
        eps: float = 1e-3,
        momentum: float = 0.01,
        *,
        unbiased: bool = True,
        elu: bool = False,
    ) -> None:
        super().__init__()
        self.eps, self.momentum, self.unbiased, self.elu = eps, momentum, unbiased, elu
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.register_buffer("running_mean", torch.zeros(num_channels))
        self.register_buffer("running_var", torch.ones(num_channels))

    def reset_parameters(self) -> None:
        """Back to mean 0, variance 1, scale 1 and shift 0."""
        with torch.no_grad():
            self.weight.fill_(1)
            self.bias.zero_()
            self.running_mean.zero_()
            self.running_var.fill_(1)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(self.weight.numel(), -1)
        given = [t.view(-1) for t in (self.weight, self.bias, self.running_mean, self.running_var)]
        weight, bias, mean, var = given
        biased = self.training and not self.unbiased
        moved = var.clone() if biased else var  # torch's backward pass keeps what it is given
        if self.elu:
            y = norm_elu(rows, weight, bias, mean, moved, self.training, self.momentum, self.eps)
        else:
            y = F.batch_norm(
                rows.unsqueeze(0), mean, moved, weight, bias, self.training, self.momentum, self.eps
            )
        if biased:  # what the batch added, times (n - 1) / n
            count, before = rows.shape[1], var * (1 - self.momentum)
            var.copy_((moved - before) * ((count - 1) / count) + before)
        return y.view(x.shape)

    def extra_repr(self) -> str:
        elu = ", elu=True" if self.elu else ""
        elu = ("" if self.unbiased else ", unbiased=False") + elu
        return f"{self.weight.shape[-1]}, eps={self.eps:g}, momentum={self.momentum:g}{elu}"
