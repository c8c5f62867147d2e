"""Any sequence encoder over each node's own readings, the same weights for all nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.encoders.sequence import SequenceEncoder, make_sequence_encoder
from graphkit.encoders.sequence.state import State
from graphkit.nn.signal import TimeFeatures
from graphkit.registry import register

__all__ = ["SequenceForecaster"]


@register("model", "sequence_forecaster")
class SequenceForecaster(nn.Module):
    r"""Readings of a window through a sequence encoder, node by node; blind to the graph.

    .. math::
        h = \mathrm{encoder}(W_{in} [x_t \,\|\, \phi(t)])_{T'}, \qquad
        [\hat y_{t+1} \,\|\, \dots \,\|\, \hat y_{t+T}] = W h + b + x_t

    Not a published model of its own: with ``encoder="gru"`` it is :class:`SignalGRU` behind a
    projection. An encoder that steps makes a forecaster that steps: :meth:`step` takes one reading
    at a time, and ``T'`` steps from no state give what :meth:`forward` gives, where the encoder is
    causal.

    Args:
        in_channels: Channels of the readings.
        hidden_channels: Width of the encoder.
        horizon: Steps ahead, ``T``.
        encoder: A name, see :func:`graphkit.encoders.sequence.list_sequence_encoders`; or an
            encoder of ``hidden_channels`` channels.
        encoder_settings: Further settings of a named encoder.
        target_channels: Channels that are forecast; all of them if ``None``.
        covariate_names: What the columns of the covariates are.
        time_features: Those that are used.
        residual: Forecast the difference to the last reading.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`, covariates :math:`(B, \geq T', K)`
        - **output:** :math:`(B, T, N, C')`

    Raises:
        UnknownNameError: No encoder has that name.
        TypeError: Settings for an encoder that is made already.

    Example:
        >>> model = SequenceForecaster(1, 16, horizon=3, encoder="gla", time_features=())
        >>> model(torch.randn(4, 12, 5, 1)).shape
        torch.Size([4, 3, 5, 1])
    """

    kind: ClassVar[str] = "forecast"

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
        super().__init__()
        chosen = range(in_channels) if target_channels is None else target_channels
        self.target_channels = list(chosen)
        self.horizon, self.residual = horizon, residual
        self.time = TimeFeatures(covariate_names, time_features)
        self.lin_in = nn.Linear(in_channels + self.time.out_channels, hidden_channels)
        if isinstance(encoder, str):
            sizes = {"in_channels": hidden_channels, "out_channels": hidden_channels}
            encoder = make_sequence_encoder(encoder, **sizes, **(encoder_settings or {}))
        elif encoder_settings:
            raise TypeError("encoder_settings belong to a name; this encoder is made already")
        self.encoder = encoder
        self.head = nn.Linear(encoder.out_channels, horizon * len(self.target_channels))

    @classmethod
    def from_task(
        cls, task: Any, *, hidden_channels: int = 64, **settings: Any
    ) -> SequenceForecaster:
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
        for module in (self.lin_in, self.encoder, self.head):
            module.reset_parameters()

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        known = None if covariates is None else covariates[:, : x.size(1)]
        return self._ahead(self.encoder.last(self._inputs(x, known)), x[:, -1])

    def step(
        self,
        x: Tensor,
        state: State | None = None,
        covariates: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Take one reading and forecast from there.

        Args:
            x: Readings of one time, ``[B, N, C]``.
            state: What the step before returned; ``None`` at the beginning.
            covariates: ``[B, K]`` of that time.
            mask: Not used: missing readings are 0.

        Returns:
            The forecast ``[B, T, N, C']`` and the new state.

        Raises:
            GraphError: The encoder cannot step.
        """
        known = None if covariates is None else covariates.unsqueeze(1)
        h = self._inputs(x.unsqueeze(1), known)[:, 0]
        if state is None:
            state = self.encoder.init_state(len(h), h.device, h.dtype)
        y, state = self.encoder.step(h, state)
        return self._ahead(y, x), state

    def _inputs(self, x: Tensor, covariates: Tensor | None) -> Tensor:
        """Rows of nodes: ``[B * N, T', hidden]``."""
        series = x.transpose(1, 2)  # [B, N, T', C]
        if self.time.out_channels:
            features = self.time(covariates).unsqueeze(1).expand(-1, x.size(2), -1, -1)
            series = torch.cat([series, features], dim=-1)
        return self.lin_in(series.flatten(0, 1))

    def _ahead(self, h: Tensor, newest: Tensor) -> Tensor:
        """Forecasts of the newest outputs ``[B * N, hidden]`` and readings ``[B, N, C]``."""
        batch, nodes, _ = newest.shape
        ahead = self.head(h).view(batch, nodes, self.horizon, -1).transpose(1, 2)
        return ahead + newest[:, None, :, self.target_channels] if self.residual else ahead
