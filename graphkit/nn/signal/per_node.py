"""Forecasters that read each node's own window: what they share around their network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.nn.signal.time_features import TimeFeatures

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PerNodeForecaster"]


class PerNodeForecaster(nn.Module):
    """Windows of nodes as rows of one batch through a network, and one layer for all steps ahead.

    A subclass makes its network and then ``self.head``, and answers :meth:`_last` and
    :meth:`_next`.

    Args:
        in_channels: Channels of the readings.
        horizon: Steps ahead, ``T``.
        target_channels: Channels that are forecast; all of them if ``None``.
        covariate_names: What the columns of the covariates are.
        time_features: Those that are used.
        residual: Forecast the difference to the last reading.
    """

    kind: ClassVar[str] = "forecast"
    columns_ignored: ClassVar[tuple[str, ...]] = ("edge_weight",)
    head: nn.Linear

    def __init__(
        self,
        in_channels: int,
        horizon: int,
        target_channels: Sequence[int] | None,
        covariate_names: Sequence[str],
        time_features: Sequence[str],
        residual: bool,
    ) -> None:
        super().__init__()
        chosen = range(in_channels) if target_channels is None else target_channels
        self.target_channels = list(chosen)
        self.horizon, self.residual = horizon, residual
        self.time = TimeFeatures(covariate_names, time_features)
        self.row_channels = in_channels + self.time.out_channels
        self.ahead_channels = horizon * len(self.target_channels)

    @classmethod
    def from_task(cls, task: Any, *, hidden_channels: int = 64, **settings: Any) -> Self:
        """A model for the channels, the horizon and the covariates of a task."""
        return cls(
            task.in_channels,
            hidden_channels,
            task.horizon,
            target_channels=task.target_channels,
            covariate_names=task.covariate_names,
            **settings,
        )

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        known = None if covariates is None else covariates[:, : x.size(1)]
        return self._ahead(self._last(self._rows(x, known)), x[:, -1])

    def step(
        self,
        x: Tensor,
        state: Any = None,
        covariates: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Take one reading and forecast from there.

        Args:
            x: Readings of one time, ``[B, N, C]``.
            state: What the step before returned; ``None`` at the beginning.
            covariates: ``[B, K]`` of that time.
            mask: Not used: missing readings are 0.

        Returns:
            The forecast ``[B, T, N, C']`` and the new state.

        Raises:
            GraphError: The network cannot step.
        """
        known = None if covariates is None else covariates.unsqueeze(1)
        h, state = self._next(self._rows(x.unsqueeze(1), known)[:, 0], state)
        return self._ahead(h, x), state

    def _last(self, rows: Tensor) -> Tensor:
        """The output ``[B * N, hidden]`` at the last step of rows ``[B * N, T', row_channels]``."""
        raise NotImplementedError

    def _next(self, row: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The output at one more step ``[B * N, row_channels]``, and the state after it."""
        raise NotImplementedError

    def _rows(self, x: Tensor, covariates: Tensor | None) -> Tensor:
        series = x.transpose(1, 2)  # [B, N, T', C]
        if self.time.out_channels:
            features = self.time(covariates).unsqueeze(1).expand(-1, x.size(2), -1, -1)
            series = torch.cat([series, features], dim=-1)
        return series.flatten(0, 1)

    def _ahead(self, h: Tensor, newest: Tensor) -> Tensor:
        """Forecasts of the newest outputs ``[B * N, hidden]`` and readings ``[B, N, C]``."""
        batch, nodes, _ = newest.shape
        ahead = self.head(h).view(batch, nodes, self.horizon, -1).transpose(1, 2)
        return ahead + newest[:, None, :, self.target_channels] if self.residual else ahead
