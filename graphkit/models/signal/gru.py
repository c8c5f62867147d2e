"""A GRU over the readings of each node, with shared weights, that does not use the graph."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from graphkit.nn.signal import PerNodeForecaster
from graphkit.registry import register

__all__ = ["SignalGRU"]


@register("model", "gru", view="signal", tasks=("forecast",))
class SignalGRU(PerNodeForecaster):
    r"""A GRU over the readings of each node, with shared weights and one linear output layer.

    .. math::
        h_t = \mathrm{GRU}([x_t \,\|\, \phi(t)], h_{t-1}), \qquad
        [\hat y_{t+1} \,\|\, \dots \,\|\, \hat y_{t+T}] = W h_t + b + x_t

    The last reading is added (``residual``), so that the forecasts of an untrained model are close
    to those of :class:`LastValue`. The model can be used step by step: :meth:`step` reads one
    reading at a time, and ``T'`` steps from the empty state equal :meth:`forward`.

    When to use:
        As a baseline for sensor forecasts that does not use the graph: one GRU with shared
        weights is applied to every node. It can also be advanced one reading at a time.

    Args:
        in_channels: Number of channels of the readings.
        hidden_channels: Size of the state.
        horizon: Number of steps ahead, ``T``.
        target_channels: Channels to forecast; by default all.
        num_layers: Number of layers of the GRU.
        dropout: Dropout probability between layers.
        covariate_names: Names of the covariate columns.
        time_features: Names of the covariates that are used.
        residual: Whether to forecast the difference to the last reading.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`, covariates :math:`(B, \geq T', K)`
        - **output:** :math:`(B, T, N, C')`
    """

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
        super().__init__(
            in_channels, horizon, target_channels, covariate_names, time_features, residual
        )
        self.hidden_channels = hidden_channels
        self.gru = nn.GRU(
            self.row_channels,
            hidden_channels,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.head = nn.Linear(hidden_channels, self.ahead_channels)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        self.gru.reset_parameters()
        self.head.reset_parameters()

    def _last(self, rows: Tensor) -> Tensor:
        return self.gru(rows)[0][:, -1]

    def _next(self, row: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        out, state = self.gru(row.unsqueeze(1), state)
        return out[:, 0], state
