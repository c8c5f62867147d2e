"""What each node reads at this time of day, on working days and at weekends."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.signal.training_signal import TrainingSignal

__all__ = ["DailyProfile"]


class DailyProfile(nn.Module):
    """Training means of every node and time of day, apart for Monday to Friday and the weekend.

    Taken out of windows and put back into forecasts, it leaves a model with what is unusual. A time
    that training has not seen on such a day gets the mean of that time over all days, or of all
    times.

    Args:
        num_nodes: Number of nodes, N.
        num_channels: C.
        names: Columns of the covariates; ``"time_of_day"`` is needed, ``"day_of_week"`` is used.
        slots_per_day: Times of a day.
        half_life: A day counts half of one so many calendar days later: what is usual moves.
            ``None``: all days count the same.

    Shapes:
        - **input:** covariates :math:`(B, R, K)`
        - **output:** :math:`(B, R, N, C)`

    Raises:
        GraphError: There is no time of day; ``half_life`` is not positive, or given for rows whose
            day is not known.
    """

    def __init__(
        self,
        num_nodes: int,
        num_channels: int,
        names: Sequence[str],
        slots_per_day: int,
        half_life: float | None = None,
    ) -> None:
        super().__init__()
        self.names, self.slots_per_day = tuple(names), slots_per_day
        if "time_of_day" not in self.names or slots_per_day < 1:
            raise GraphError("covariates", "a daily profile needs the time of day", got=self.names)
        if half_life is not None and not half_life > 0:
            raise GraphError("half_life", "not a time", expected="days, > 0", got=half_life)
        self.half_life = half_life
        self.register_buffer("mean", torch.zeros(2 * slots_per_day, num_nodes, num_channels))

    @torch.no_grad()
    def fit(self, seen: TrainingSignal) -> None:
        """Take the means from a training subset; missing readings do not count."""
        x = seen.x.double()
        known = torch.ones_like(x) if seen.mask is None else seen.mask.to(x)
        if self.half_life is not None:
            if seen.day is None:
                raise GraphError("half_life", "the rows have no days", fix="Use a clock.")
            age = (seen.day.max() - seen.day).double()  # the last day of training counts whole
            known = known * (0.5 ** (age / self.half_life)).view(-1, 1, 1)
        slot = self.slots(seen.covariates)
        total, count = torch.zeros_like(self.mean).to(x), torch.zeros_like(self.mean).to(x)
        total.index_add_(0, slot, x * known)
        count.index_add_(0, slot, known)
        total, count = (v.unflatten(0, (2, self.slots_per_day)) for v in (total, count))
        whole = _mean(total.sum((0, 1)), count.sum((0, 1)), torch.zeros_like(total[0, 0]))
        daily = _mean(total.sum(0), count.sum(0), whole)
        self.mean.copy_(_mean(total, count, daily).flatten(0, 1))

    def slots(self, covariates: Tensor) -> Tensor:
        """Rows of the table, int64 ``[...]``, of covariates ``[..., K]``."""
        part = covariates[..., self.names.index("time_of_day")]
        slot = (part * self.slots_per_day + 1e-3).long().clamp(0, self.slots_per_day - 1)
        if "day_of_week" in self.names:
            weekend = covariates[..., self.names.index("day_of_week")].long() % 7 > 4
            slot = slot + weekend.long() * self.slots_per_day
        return slot

    def forward(self, covariates: Tensor) -> Tensor:
        return self.mean[self.slots(covariates)]

    def extra_repr(self) -> str:
        faded = "" if self.half_life is None else f", half_life={self.half_life:g}"
        return f"slots_per_day={self.slots_per_day}{faded}"


def _mean(total: Tensor, count: Tensor, otherwise: Tensor) -> Tensor:
    """Total by count, and something else where nothing was counted."""
    return torch.where(count > 0, total / count, otherwise)
