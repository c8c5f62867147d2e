r"""DLinear: a moving average and its residual, each forecast by one linear layer.

.. math::
    \hat y = W_t\, \mathrm{avg}(x) + W_r\, (x - \mathrm{avg}(x)) + b

Source: Zeng, Chen, Zhang, Xu: Are Transformers Effective for Time Series Forecasting?, AAAI 2023,
arXiv 2205.13504. As in the paper, the average is padded with the first and the last reading, and
the weights are shared by all series or, with ``individual``, separate for each node; they are
initialised to the mean of the window, 1 / T'. Each channel is forecast from itself. Because the
average is linear too, it is folded into the weights,
:math:`\hat y = (W_r + (W_t - W_r) P)\, x + b`, instead of being computed for every window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["DLinear"]


@register("model", "linear", view="signal", tasks=("forecast",))
class DLinear(nn.Module):
    r"""DLinear, which does not use the graph.

    When to use:
        As a linear baseline for sensor forecasts that does not use the graph.

    Args:
        in_steps: Number of rows of a window, ``T'``.
        horizon: Number of steps ahead, ``T``.
        num_nodes: Number of nodes, ``N``.
        target_channels: Channels to forecast; by default all.
        individual: Whether each node has its own weights.
        kernel_size: Number of readings of the moving average, odd.

    Raises:
        GraphError: ``kernel_size`` is even.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`
        - **output:** :math:`(B, T, N, C')`
    """

    kind: ClassVar[str] = "forecast"
    columns_ignored: ClassVar[tuple[str, ...]] = ("edge_weight",)

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
        self.register_buffer("average", _moving_average(in_steps, kernel_size), persistent=False)
        self.reset_parameters()

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> DLinear:
        """Create a model for the windows and the channels of a task."""
        return cls(
            task.in_steps,
            task.horizon,
            task.num_nodes,
            target_channels=task.target_channels,
            **settings,
        )

    def reset_parameters(self) -> None:
        """Reset all weights to 1 / T' and the bias to 0."""
        for weight in (self.trend, self.rest):
            nn.init.constant_(weight, 1 / self.in_steps)
        nn.init.zeros_(self.bias)

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if self.target_channels is not None:
            x = x[..., self.target_channels]
        weight = self.rest + (self.trend - self.rest) @ self.average  # [sets, T, T']
        if self.individual:
            return torch.einsum("nts,bsnc->btnc", weight, x) + self.bias.T.unsqueeze(-1)
        batch, _, nodes, channels = x.shape
        out = torch.matmul(weight.expand(batch, -1, -1), x.flatten(2))
        return out.view(batch, -1, nodes, channels) + self.bias.view(-1, 1, 1)

    def extra_repr(self) -> str:
        return f"{self.in_steps} -> {self.horizon}, individual={self.individual}"


def _moving_average(steps: int, kernel_size: int) -> Tensor:
    """Matrix ``[T', T']`` whose row t averages around step t, with repeated ends."""
    half, row = kernel_size // 2, torch.arange(steps)
    taken = (row.unsqueeze(1) + torch.arange(-half, half + 1)).clamp(0, steps - 1)
    share = torch.full(taken.shape, 1 / kernel_size)
    return torch.zeros(steps, steps).scatter_add_(1, taken, share)
