"""Batch normalisation where channels come before batch and time, for one model or many."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphkit.ops.norm_elu import norm_elu

__all__ = ["ChannelNorm"]


class ChannelNorm(nn.Module):
    """Normalises each channel over batch and time; Keras' epsilon and momentum by default.

    The running variance is torch's (unbiased), as in Keras' fused kernels.

    Args:
        num_channels: Channels.
        eps: Added to the variance.
        momentum: Weight of the new batch in the running statistics (1 minus Keras' momentum).
        elu: ELU of the result, as one operation (:func:`~graphkit.ops.norm_elu.norm_elu`).

    Shapes:
        - **input:** ``[..., C, B, T]``; parameters with leading axes have one set for each of them
        - **output:** the same
    """

    def __init__(
        self, num_channels: int, eps: float = 1e-3, momentum: float = 0.01, *, elu: bool = False
    ) -> None:
        super().__init__()
        self.eps, self.momentum, self.elu = eps, momentum, elu
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
        if self.elu:
            return norm_elu(rows, *given, self.training, self.momentum, self.eps).view(x.shape)
        weight, bias, mean, var = given
        y = F.batch_norm(
            rows.unsqueeze(0), mean, var, weight, bias, self.training, self.momentum, self.eps
        )
        return y.view(x.shape)

    def extra_repr(self) -> str:
        elu = ", elu=True" if self.elu else ""
        return f"{self.weight.shape[-1]}, eps={self.eps:g}, momentum={self.momentum:g}{elu}"
