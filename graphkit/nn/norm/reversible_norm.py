r"""Reversible instance normalisation: forecast what is left when a window's own level is taken out.

Kim et al., "Reversible Instance Normalization for Accurate Time-Series Forecasting against
Distribution Shift", ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError

__all__ = ["Level", "ReversibleInstanceNorm"]

_STATISTICS = ("window", "last", "node", "none")


class Level(NamedTuple):
    """What was taken out of a window: ``shift`` and ``scale``, each ``[B, 1, N, C]``."""

    shift: Tensor
    scale: Tensor


class ReversibleInstanceNorm(nn.Module):
    r"""Normalises each node's window and puts the same back into its forecast.

    .. math::
        \hat x = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    where :math:`\gamma, \beta` are learned per channel, and :math:`\mu, \sigma^2` are

    - ``"window"``: mean and variance over the window's own steps (the paper),
    - ``"last"``: the last reading, and variance over the window (the paper's variant),
    - ``"node"``: running mean and variance of the node, from training windows; for data that are
      often constant, such as demand at night, whose own variance says nothing,
    - ``"none"``: 0 and 1.

    Args:
        num_channels: C.
        statistics: One of the above.
        num_nodes: N, for ``"node"`` only.
        eps: :math:`\epsilon`.
        affine: Whether to learn :math:`\gamma` and :math:`\beta`.
        momentum: Of the running statistics, unless :meth:`set_statistics` fixed them.

    Shapes:
        - **input:** windows :math:`(B, T, N, C)`; readings that count :math:`(B, T, N, C)`
          (optional, bool)
        - **output:** the same shape, and a :class:`Level` for :meth:`inverse`
    """

    def __init__(
        self,
        num_channels: int = 1,
        statistics: str = "window",
        *,
        num_nodes: int | None = None,
        eps: float = 1e-5,
        affine: bool = True,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        check_choice(statistics, "statistics", _STATISTICS)
        self.num_channels, self.statistics = num_channels, statistics
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(num_channels)) if affine else None
        self.beta = nn.Parameter(torch.zeros(num_channels)) if affine else None
        if statistics == "node":
            if num_nodes is None:
                raise GraphError("num_nodes", "statistics of nodes need their number")
            self.register_buffer("running_mean", torch.zeros(1, 1, num_nodes, num_channels))
            self.register_buffer("running_var", torch.ones(1, 1, num_nodes, num_channels))
            self.register_buffer("momentum", torch.tensor(float(momentum)))  # 0: fixed

    def reset_parameters(self) -> None:
        """:math:`\\gamma = 1`, :math:`\\beta = 0`."""
        if self.gamma is not None:
            nn.init.ones_(self.gamma)
            nn.init.zeros_(self.beta)

    @torch.no_grad()
    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Fix the nodes' statistics, each ``[N, C]``, to those of a training subset."""
        if self.statistics != "node":
            raise GraphError(
                "statistics", "only statistics of nodes can be set", got=self.statistics
            )
        self.running_mean.copy_(mean.expand_as(self.running_mean))
        self.running_var.copy_(std.square().expand_as(self.running_var))
        self.momentum.zero_()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Level]:
        level = self.level(x, mask)
        out = (x - level.shift) / level.scale
        if self.gamma is not None:
            out = out * self.gamma + self.beta
        return out, level

    def inverse(self, y: Tensor, level: Level, channels: Sequence[int] | None = None) -> Tensor:
        """Back to the input's units, for ``[B, any number of steps, N, C']``.

        Args:
            y: What was forecast.
            level: From :meth:`forward`.
            channels: Which channels of the input those of ``y`` are; all of them if ``None``.
        """
        gamma, beta, shift, scale = self.gamma, self.beta, level.shift, level.scale
        if channels is not None:
            channels = list(channels)
            shift, scale = shift[..., channels], scale[..., channels]
            if gamma is not None:
                gamma, beta = gamma[channels], beta[channels]
        if gamma is not None:
            # A factor that training drives through zero must not blow up.
            size = gamma.abs().clamp(min=self.eps)
            y = (y - beta) / torch.where(gamma < 0, -size, size)
        return y * scale + shift

    def level(self, x: Tensor, mask: Tensor | None = None) -> Level:
        """What :meth:`forward` takes out of ``x``."""
        if self.statistics == "none":
            zero = torch.zeros_like(x[:, :1])
            return Level(zero, zero + 1)
        if self.statistics == "node":
            if self.training:
                self._update(x)
            scale = (self.running_var + self.eps).sqrt()
            return Level(self.running_mean.expand_as(x[:, :1]), scale.expand_as(x[:, :1]))
        if mask is None:
            mean, variance = x.mean(1, keepdim=True), x.var(1, correction=0, keepdim=True)
        else:
            weight = mask.to(x.dtype)
            count = weight.sum(1, keepdim=True).clamp(min=1)
            mean = (x * weight).sum(1, keepdim=True) / count
            variance = ((x - mean).square() * weight).sum(1, keepdim=True) / count
        shift = x[:, -1:] if self.statistics == "last" else mean
        return Level(shift, (variance + self.eps).sqrt())

    @torch.no_grad()
    def _update(self, x: Tensor) -> None:
        mean = x.mean((0, 1), keepdim=True)
        variance = x.var((0, 1), correction=0, keepdim=True)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, statistics={self.statistics!r}"
