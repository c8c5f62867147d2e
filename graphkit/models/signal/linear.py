r"""DLinear: a moving average and what is left of it, each forecast by one linear layer.

.. math::
    \hat y = W_t\, \mathrm{avg}(x) + W_r\, (x - \mathrm{avg}(x)) + b

Source: Zeng, Chen, Zhang, Xu: Are Transformers Effective for Time Series Forecasting?, AAAI 2023,
arXiv 2205.13504. As there, the average is padded with the first and the last reading, and the
weights are shared by all series or, with ``individual``, each node has its own; they start as the
mean of the window, 1 / T'. Channels are forecast each from itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["DLinear"]


@register("model", "linear")
class DLinear(nn.Module):
    r"""DLinear, blind to the graph.

    Args:
        in_steps: Rows of a window, ``T'``.
        horizon: Steps ahead, ``T``.
        num_nodes: ``N``.
        target_channels: Channels that are forecast; all of them if ``None``.
        individual: Whether each node has its own weights.
        kernel_size: Readings of the moving average, odd.

    Raises:
        GraphError: ``kernel_size`` is even.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`
        - **output:** :math:`(B, T, N, C')`
    """

    kind: ClassVar[str] = "forecast"

    def __init__(
        self,
        in_steps: int,
        horizon: int,
        num_nodes: int,
        *,
        target_channels: Sequence[int] | None = None,
        individual: bool = False,
        kernel_size: int = 5,
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise GraphError("kernel_size", "not odd", expected="1, 3, 5, ...", got=kernel_size)
        self.in_steps, self.horizon = in_steps, horizon
        self.individual, self.kernel_size = individual, kernel_size
        self.target_channels = None if target_channels is None else list(target_channels)
        sets = num_nodes if individual else 1
        self.trend = nn.Parameter(torch.empty(sets, horizon, in_steps))
        self.rest = nn.Parameter(torch.empty(sets, horizon, in_steps))
        self.bias = nn.Parameter(torch.empty(sets, horizon))
        self.reset_parameters()

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> DLinear:
        """A model for the windows and the channels of a task."""
        return cls(
            task.in_steps,
            task.horizon,
            task.num_nodes,
            target_channels=task.target_channels,
            **settings,
        )

    def reset_parameters(self) -> None:
        """All weights 1 / T', the bias 0."""
        for weight in (self.trend, self.rest):
            nn.init.constant_(weight, 1 / self.in_steps)
        nn.init.zeros_(self.bias)

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if self.target_channels is not None:
            x = x[..., self.target_channels]
        batch, steps, nodes, channels = x.shape
        series = x.permute(0, 2, 3, 1)  # [B, N, C', T']
        half = self.kernel_size // 2
        padded = F.pad(series.reshape(1, -1, steps), (half, half), mode="replicate")
        trend = F.avg_pool1d(padded, self.kernel_size, stride=1).view(series.shape)
        parts = torch.cat([trend, series - trend], dim=-1)  # [B, N, C', 2 T']
        weight = torch.cat([self.trend, self.rest], dim=-1).transpose(1, 2)  # [sets, 2 T', T]
        if self.individual:
            parts = parts.transpose(0, 1).reshape(nodes, batch * channels, -1)
            out = torch.baddbmm(self.bias.unsqueeze(1), parts, weight)
            out = out.view(nodes, batch, channels, -1).transpose(0, 1)
        else:
            out = parts @ weight[0] + self.bias[0]
        return out.permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        return f"{self.in_steps} -> {self.horizon}, individual={self.individual}"
