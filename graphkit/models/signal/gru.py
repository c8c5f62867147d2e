"""A GRU over each node's own readings, the same weights for all nodes, blind to the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.nn.signal import TimeFeatures
from graphkit.registry import register

__all__ = ["SignalGRU"]


@register("model", "gru")
class SignalGRU(nn.Module):
    r"""A GRU per node with shared weights, and one linear layer for all steps ahead.

    .. math::
        h_t = \mathrm{GRU}([x_t \,\|\, \phi(t)], h_{t-1}), \qquad
        [\hat y_{t+1} \,\|\, \dots \,\|\, \hat y_{t+T}] = W h_t + b + x_t

    The last reading is added (``residual``), so that an untrained model forecasts about what
    :class:`LastValue` does. It can be stepped: :meth:`step` takes one reading at a time, and
    ``T'`` steps from no state give what :meth:`forward` gives.

    Args:
        in_channels: Channels of the readings.
        hidden_channels: Width of the state.
        horizon: Steps ahead, ``T``.
        target_channels: Channels that are forecast; all of them if ``None``.
        num_layers: Layers of the GRU.
        dropout: Between layers.
        covariate_names: What the columns of the covariates are.
        time_features: Those that are used.
        residual: Forecast the difference to the last reading.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`, covariates :math:`(B, \geq T', K)`
        - **output:** :math:`(B, T, N, C')`
    """

    kind: ClassVar[str] = "forecast"

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        horizon: int,
        *,
        target_channels: Sequence[int] | None = None,
        num_layers: int = 1,
        dropout: float = 0.0,
        covariate_names: Sequence[str] = (),
        time_features: Sequence[str] = ("time_of_day",),
        residual: bool = True,
    ) -> None:
        super().__init__()
        chosen = range(in_channels) if target_channels is None else target_channels
        self.target_channels = list(chosen)
        self.hidden_channels, self.horizon = hidden_channels, horizon
        self.residual = residual
        self.time = TimeFeatures(covariate_names, time_features)
        self.gru = nn.GRU(
            in_channels + self.time.out_channels,
            hidden_channels,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.head = nn.Linear(hidden_channels, horizon * len(self.target_channels))

    @classmethod
    def from_task(cls, task: Any, *, hidden_channels: int = 64, **settings: Any) -> SignalGRU:
        """A model for the channels, the horizon and the covariates of a task."""
        return cls(
            task.in_channels,
            hidden_channels,
            task.horizon,
            target_channels=task.target_channels,
            covariate_names=task.covariate_names,
            **settings,
        )

    def reset_parameters(self) -> None:
        """Draws all parameters anew."""
        self.gru.reset_parameters()
        self.head.reset_parameters()

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        known = None if covariates is None else covariates[:, : x.size(1)]
        return self._run(x, None, known)[0]

    def step(
        self,
        x: Tensor,
        state: Tensor | None = None,
        covariates: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Take one reading and forecast from there.

        Args:
            x: Readings of one time, ``[B, N, C]``.
            state: What the step before returned; ``None`` at the beginning.
            covariates: ``[B, K]`` of that time.
            mask: Not used: missing readings are 0.

        Returns:
            The forecast ``[B, T, N, C']`` and the new state.
        """
        known = None if covariates is None else covariates.unsqueeze(1)
        return self._run(x.unsqueeze(1), state, known)

    def _run(
        self, x: Tensor, state: Tensor | None, covariates: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        batch, steps, nodes, _ = x.shape
        series = x.transpose(1, 2)  # [B, N, T', C]
        if self.time.out_channels:
            features = self.time(covariates).unsqueeze(1).expand(-1, nodes, -1, -1)
            series = torch.cat([series, features], dim=-1)
        out, state = self.gru(series.reshape(batch * nodes, steps, -1), state)
        ahead = self.head(out[:, -1]).view(batch, nodes, self.horizon, -1).transpose(1, 2)
        if self.residual:
            ahead = ahead + x[:, -1:, :, self.target_channels]
        return ahead, state
