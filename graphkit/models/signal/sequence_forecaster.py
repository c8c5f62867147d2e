"""Any sequence encoder over the readings of each node, with shared weights for all nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from graphkit.encoders.sequence import SequenceEncoder, make_sequence_encoder
from graphkit.encoders.sequence.state import State
from graphkit.nn.signal import PerNodeForecaster
from graphkit.registry import register

__all__ = ["SequenceForecaster"]


@register("model", "sequence_forecaster", view="signal", tasks=("forecast",))
class SequenceForecaster(PerNodeForecaster):
    r"""A sequence encoder over the readings of each node in a window, which does not use the graph.

    .. math::
        h = \mathrm{encoder}(W_{in} [x_t \,\|\, \phi(t)])_{T'}, \qquad
        [\hat y_{t+1} \,\|\, \dots \,\|\, \hat y_{t+T}] = W h + b + x_t

    Not a published model: with ``encoder="gru"`` it is :class:`SignalGRU` after a projection. If
    the encoder can be used step by step, so can the forecaster: :meth:`step` reads one reading at a
    time, and ``T'`` steps from the empty state equal :meth:`forward` if the encoder is causal.

    When to use:
        To compare sequence encoders on sensor forecasts (`encoder=`), without a graph. It can
        be advanced one reading at a time if the encoder can.

    Args:
        in_channels: Number of channels of the readings.
        hidden_channels: Width of the encoder.
        horizon: Number of steps ahead, ``T``.
        encoder: Name of an encoder, see
            :func:`graphkit.encoders.sequence.list_sequence_encoders`; or an encoder module with
            ``hidden_channels`` channels.
        encoder_settings: Additional arguments of a named encoder.
        target_channels: Channels to forecast; by default all.
        covariate_names: Names of the covariate columns.
        time_features: Names of the covariates that are used.
        residual: Whether to forecast the difference to the last reading.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`, covariates :math:`(B, \geq T', K)`
        - **output:** :math:`(B, T, N, C')`

    Raises:
        UnknownNameError: There is no encoder of that name.
        TypeError: ``encoder_settings`` are given for an encoder module.

    Example:
        >>> model = SequenceForecaster(1, 16, horizon=3, encoder="gla", time_features=())
        >>> model(torch.randn(4, 12, 5, 1)).shape
        torch.Size([4, 3, 5, 1])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        horizon: int,
        *,
        encoder: str | SequenceEncoder = "gru",
        encoder_settings: dict[str, Any] | None = None,
        target_channels: Sequence[int] | None = None,
        covariate_names: Sequence[str] = (),
        time_features: Sequence[str] = ("time_of_day",),
        residual: bool = True,
    ) -> None:
        super().__init__(
            in_channels, horizon, target_channels, covariate_names, time_features, residual
        )
        self.lin_in = nn.Linear(self.row_channels, hidden_channels)
        sizes = {"in_channels": hidden_channels, "out_channels": hidden_channels}
        sizes = sizes if isinstance(encoder, str) else {}
        self.encoder = make_sequence_encoder(encoder, **sizes, **(encoder_settings or {}))
        self.head = nn.Linear(self.encoder.out_channels, self.ahead_channels)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        for module in (self.lin_in, self.encoder, self.head):
            module.reset_parameters()

    def _last(self, rows: Tensor) -> Tensor:
        return self.encoder.last(self.lin_in(rows))

    def _next(self, row: Tensor, state: State | None) -> tuple[Tensor, State]:
        h = self.lin_in(row)
        if state is None:
            state = self.encoder.init_state(len(h), h.device, h.dtype)
        return self.encoder.step(h, state)
