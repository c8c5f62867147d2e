"""Batch normalisation where channels come before batch and time, for one model or many."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ChannelNorm"]


class ChannelNorm(nn.Module):
    """Normalises each channel over batch and time; Keras' epsilon and momentum by default.

    The running variance is torch's (unbiased), as in Keras' fused kernels.

    Args:
        num_channels: Channels.
        eps: Added to the variance.
        momentum: Weight of the new batch in the running statistics (1 minus Keras' momentum).

    Shapes:
        - **input:** ``[..., C, B, T]``; parameters with leading axes have one set for each of them
        - **output:** the same
    """

    def __init__(self, num_channels: int, eps: float = 1e-3, momentum: float = 0.01) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
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
        y = F.batch_norm(
            x.reshape(1, self.weight.numel(), -1),
            self.running_mean.view(-1),
            self.running_var.view(-1),
            self.weight.view(-1),
            self.bias.view(-1),
            self.training,
            self.momentum,
            self.eps,
        )
        return y.view(x.shape)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[-1]}, eps={self.eps:g}, momentum={self.momentum:g}"
