"""The mean of each node per time of day or week over the training subset."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError
from graphkit.nn.signal import TrainingSignal
from graphkit.registry import register

__all__ = ["HistoricalAverage"]

_PERIODS = ("day", "week", "none")


@register("model", "ha", view="signal", tasks=("forecast",))
class HistoricalAverage(nn.Module):
    """Historical average: forecasts that depend only on the time, not on the readings of a window.

    A slot without training readings has the mean of the node, and a node without training readings
    has the mean of all nodes.

    The averages are computed by :meth:`fit`, which :meth:`from_task` calls.

    When to use:
        As a baseline for sensor forecasts that depends only on the time of day.

    Args:
        num_nodes: Number of nodes, ``N``.
        horizon: Number of steps ahead, ``T``.
        target_channels: Channels to forecast.
        covariate_names: Names of the covariate columns.
        steps_per_day: Number of slots per day.
        period: ``"day"``, ``"week"`` (each slot of each day of the week) or ``"none"`` (the mean of
            each node).

    Raises:
        GraphError: The data have no time of day (not required for ``period="none"``), or the model
            is called before :meth:`fit`.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`, covariates :math:`(B, T' + T, K)`
        - **output:** :math:`(B, T, N, C')`
    """

    kind: ClassVar[str] = "forecast"
    columns_ignored: ClassVar[tuple[str, ...]] = ("edge_weight",)

    def __init__(
        self,
        num_nodes: int,
        horizon: int,
        target_channels: tuple[int, ...],
        covariate_names: tuple[str, ...] = (),
        steps_per_day: int | None = None,
        *,
        period: str = "day",
    ) -> None:
        super().__init__()
        check_choice(period, "period", _PERIODS)
        needed = {"day": ["time_of_day"], "week": ["time_of_day", "day_of_week"], "none": []}[
            period
        ]
        lost = [name for name in needed if name not in covariate_names]
        if lost or (needed and not steps_per_day):
            raise GraphError(
                "covariates",
                f"an average over the {period} needs {', '.join(needed)} and whole steps per day",
                got=f"{', '.join(covariate_names) or 'none'}, {steps_per_day} steps per day",
                fix="Use period='none', or data with a clock.",
            )
        self.period, self.horizon, self.steps_per_day = period, horizon, steps_per_day or 1
        self.target_channels, self._names = tuple(target_channels), tuple(covariate_names)
        slots = {"day": self.steps_per_day, "week": 7 * self.steps_per_day, "none": 1}[period]
        self.register_buffer("table", torch.zeros(slots, num_nodes, len(self.target_channels)))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def fit(self, training: TrainingSignal) -> HistoricalAverage:
        """Compute the averages of a training subset.

        Args:
            training: Rows of the training subset, prepared as model input.
        """
        x = training.x[..., list(self.target_channels)]
        valid = torch.ones_like(x, dtype=torch.bool)
        if training.mask is not None:
            valid = training.mask[..., list(self.target_channels)]
        slot = self._slot(training.covariates)
        total = torch.zeros(self.table.shape, dtype=torch.float64)
        count = torch.zeros_like(total)
        total.index_add_(0, slot, x.double() * valid)
        count.index_add_(0, slot, valid.double())
        whole = (total.sum(0) / count.sum(0)).nan_to_num(float(total.sum() / count.sum()))
        self.table.copy_(torch.where(count > 0, total / count, whole))
        self.fitted.fill_(True)
        return self

    @classmethod
    def from_task(cls, task: Any, *, period: str | None = None) -> HistoricalAverage:
        """Create the averages of the training subset of a task, per time of day if available."""
        if period is None:
            timed = task.steps_per_day and "time_of_day" in task.covariate_names
            period = "day" if timed else "none"
        seen = task.training_signal()
        model = cls(
            task.num_nodes,
            task.horizon,
            task.target_channels,
            task.covariate_names,
            task.steps_per_day,
            period=period,
        )
        return model.to(seen.x.dtype).fit(seen)

    def reset_parameters(self) -> None:
        """Has no effect, because there are no parameters."""

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if not bool(self.fitted):
            raise GraphError("model", "it has no averages yet", fix="Call fit, or use from_task.")
        if self.period == "none":
            return self.table.expand(x.size(0), self.horizon, -1, -1)
        return self.table[self._slot(covariates[:, -self.horizon :])]

    def _slot(self, covariates: Tensor) -> Tensor:
        if self.period == "none":
            return torch.zeros(covariates.shape[:-1], dtype=torch.int64, device=covariates.device)
        day = covariates[..., self._names.index("time_of_day")].double()
        slot = (day * self.steps_per_day).round().long() % self.steps_per_day
        if self.period == "week":
            week = covariates[..., self._names.index("day_of_week")].round().long()
            slot = week * self.steps_per_day + slot
        return slot

    def extra_repr(self) -> str:
        return f"period={self.period}, slots={self.table.size(0)}, horizon={self.horizon}"
