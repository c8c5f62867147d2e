"""The last reading as forecast for every step ahead: a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.registry import register

__all__ = ["LastValue"]


@register("model", "last_value", view="signal", tasks=("forecast",))
class LastValue(nn.Module):
    """Repeats the last valid reading of each node; 0 (in scaled units) if there is none.

    When to use:
        As a baseline for sensor forecasts: the last reading is repeated.

    Args:
        horizon: Number of steps ahead, ``T``.
        target_channels: Channels to forecast; by default all.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`, mask of the same shape
        - **output:** :math:`(B, T, N, C')`
    """

    kind: ClassVar[str] = "forecast"
    columns_ignored: ClassVar[tuple[str, ...]] = ("edge_weight",)

    def __init__(self, horizon: int, target_channels: Sequence[int] | None = None) -> None:
        super().__init__()
        self.horizon = horizon
        self.target_channels = None if target_channels is None else list(target_channels)

    @classmethod
    def from_task(cls, task: Any) -> LastValue:
        """Create a model for the horizon and the channels of a task."""
        return cls(task.horizon, task.target_channels)

    def reset_parameters(self) -> None:
        """Has no effect, because there are no parameters."""

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if mask is None:
            last = x[:, -1]
        else:
            steps = torch.arange(1, x.size(1) + 1, device=x.device).view(1, -1, 1, 1)
            at = (mask * steps).amax(1, keepdim=True)  # one plus the last valid step
            last = x.gather(1, (at - 1).clamp(min=0)).masked_fill(at == 0, 0).squeeze(1)
        if self.target_channels is not None:
            last = last[..., self.target_channels]
        return last.unsqueeze(1).expand(-1, self.horizon, -1, -1)

    def extra_repr(self) -> str:
        return f"horizon={self.horizon}"
