"""Conversion of readings and times to the input of a forecaster, and of its output to readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphkit.data.covariates import calendar_days, ticks_per_day, time_covariates
from graphkit.data.readings import Readings
from graphkit.data.scalers import make_scaler
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError
from graphkit.nn.signal import DailyProfile, TrainingSignal

__all__ = ["ForecastInput"]


class ForecastInput(nn.Module):
    """Prepares readings for a forecaster and converts its forecasts back to original units.

    The parts fitted on the training subset (scaler, daily profile) are stored in buffers;
    everything else is in :meth:`settings`. Both together restore the preparation without the
    training data.

    Args:
        num_nodes: Number of nodes, N.
        in_channels: Number of input channels, C.
        history: Number of input rows, :math:`T'`.
        horizon: Number of forecast rows, T.
        delay: Number of rows between the input rows and the forecast rows.
        target_channels: Channels to forecast.
        scaler: ``"standard"``, ``"minmax"``, ``"maxabs"`` or ``"none"``.
        scale_per: ``"all"``, ``"channel"`` or ``"node"``.
        profile: Whether to subtract the daily profile of each node from the scaled readings and add
            it back to the forecasts (:class:`~graphkit.nn.signal.DailyProfile`).
        profile_half_life: Half-life of the profile in days, see
            :class:`~graphkit.nn.signal.DailyProfile`.
        covariates: Subset of ``time_of_day`` and ``day_of_week``.
        time_unit: Unit of one tick.
        step: Number of ticks between consecutive rows.
        start: Date of tick 0, if ticks do not count from 1970; a date or its ISO format.
        holidays: ISO dates that are treated as Sundays in ``day_of_week``.
        time_zone: Time zone of the local clock from which covariates and days are derived, such as
            ``"Europe/Berlin"``; times are then in UTC. ``None`` if times are already local.
        null_value: Readings with this value are treated as missing.

    Raises:
        GraphError: ``holidays`` is given without ``day_of_week``, ``profile`` is set but a day is
            not a whole number of steps or ``time_of_day`` is not a covariate, or ``start`` is not
            a date.
        UnknownNameError: There is no such scaler.
    """

    def __init__(
        self,
        num_nodes: int,
        in_channels: int,
        *,
        history: int,
        horizon: int,
        delay: int = 0,
        target_channels: Sequence[int],
        scaler: str = "standard",
        scale_per: str = "channel",
        profile: bool = False,
        profile_half_life: float | None = None,
        covariates: Sequence[str] = (),
        time_unit: str = "step",
        step: float | None = None,
        start: Any = None,
        holidays: Sequence[str] = (),
        null_value: float | None = None,
        time_zone: str | None = None,
    ) -> None:
        super().__init__()
        self.num_nodes, self.in_channels = int(num_nodes), int(in_channels)
        self.history, self.horizon, self.delay = int(history), int(horizon), int(delay)
        self.target_channels = tuple(int(c) for c in target_channels)
        self.covariate_names = tuple(covariates)
        self.time_unit, self.step = TimeUnit(str(time_unit)), step
        self.start, self.holidays = _iso(start), tuple(map(str, holidays))
        self.null_value, self.time_zone = null_value, time_zone
        if self.holidays and "day_of_week" not in self.covariate_names:
            raise GraphError(
                "holidays",
                "they are told by the day of the week, which models do not get here",
                fix="covariates=['time_of_day', 'day_of_week'], and a clock of real time.",
            )
        self._scaler_name = scaler
        self.scaler = make_scaler(scaler, scale_per)
        self.profile: DailyProfile | None = None
        if profile:
            self.profile = DailyProfile(
                self.num_nodes,
                self.in_channels,
                self.covariate_names,
                self.steps_per_day or 0,
                profile_half_life,
            )

    def settings(self) -> dict[str, Any]:
        """Return the arguments of the constructor as JSON values."""
        return {
            "num_nodes": self.num_nodes,
            "in_channels": self.in_channels,
            "history": self.history,
            "horizon": self.horizon,
            "delay": self.delay,
            "target_channels": list(self.target_channels),
            "scaler": self._scaler_name,
            "scale_per": self.scaler.per,
            "profile": self.profile is not None,
            "profile_half_life": None if self.profile is None else self.profile.half_life,
            "covariates": list(self.covariate_names),
            "time_unit": str(self.time_unit),
            "step": self.step,
            "start": self.start,
            "holidays": list(self.holidays),
            "null_value": self.null_value,
            "time_zone": self.time_zone,
        }

    # ---------------------------------------------------------------- fitting
    def fit(self, signal: Tensor, mask: Tensor | None = None, rows: Tensor | None = None) -> None:
        """Fit the scaler.

        Args:
            signal: Readings ``[T, N, C]``.
            mask: Boolean mask of the valid readings, ``[T, N, C]``.
            rows: Boolean mask of the rows of the training subset, ``[T]``.
        """
        self.scaler.fit(signal, mask, rows)

    def fit_profile(self, seen: TrainingSignal) -> None:
        """Fit the daily profile, if used, on scaled rows from which it is not yet subtracted.

        Args:
            seen: The rows of the training subset.
        """
        if self.profile is not None:
            self.profile.fit(seen)

    # ---------------------------------------------------------------- model input
    @property
    def scaler_name(self) -> str:
        """Description of the scaler and of ``scale_per``."""
        return f"{self._scaler_name}, per {self.scaler.per}"

    @property
    def steps_per_day(self) -> int | None:
        """Number of rows per day; ``None`` if it is not an integer or times are only an order."""
        if self.time_unit.nanoseconds is None or self.step is None:
            return None
        steps = ticks_per_day(self.time_unit) / max(1, int(self.step))
        return int(steps) if steps.denominator == 1 else None

    def covariates(self, t: Tensor) -> Tensor:
        """Return the covariates ``[..., K]`` of times ``[...]``."""
        if not self.covariate_names:
            return torch.zeros(*t.shape, 0, device=t.device)
        return time_covariates(
            t,
            self.time_unit,
            start=self.start,
            names=self.covariate_names,
            holidays=self.holidays,
            time_zone=self.time_zone,
        )

    def days(self, t: Tensor) -> Tensor | None:
        """Return the calendar days of times, int64; ``None`` if times are only an order."""
        if self.time_unit.nanoseconds is None:
            return None
        return calendar_days(t, self.time_unit, start=self.start, time_zone=self.time_zone)

    def x(self, readings: Tensor, mask: Tensor | None, covariates: Tensor) -> Tensor:
        """Convert readings to model input: scaled, minus the daily profile, 0 where missing.

        Args:
            readings: Readings in original units, ``[..., R, N, C]``.
            mask: Boolean mask of the valid readings, of the same shape; ``None`` if all are valid.
            covariates: Covariates of the same rows, ``[..., R, K]``.

        Raises:
            GraphError: The numbers of nodes or channels differ from training.
        """
        if readings.shape[-2:] != (self.num_nodes, self.in_channels):
            raise GraphError(
                "signal",
                "these are not the nodes and channels of training",
                expected=f"[..., {self.num_nodes}, {self.in_channels}]",
                got=list(readings.shape),
            )
        x = self.scaler(readings)
        if self.profile is not None:
            x = x - self.profile(covariates)
        return x if mask is None else x.masked_fill(~mask, 0)

    def marked(self, readings: Readings) -> Readings:
        """Mark readings equal to ``null_value`` as missing, as in training."""
        if self.null_value is None:
            return readings
        missing = readings.values == self.null_value
        return readings._replace(
            values=readings.values.masked_fill(missing, 0), mask=readings.mask & ~missing
        )

    def times_ahead(self, last: Tensor) -> Tensor:
        """Return the times of the forecast rows, ``[..., T]``, given times ``[...]`` of last rows.

        Raises:
            GraphError: The time between rows is unknown.
        """
        if self.step is None:
            raise GraphError("signal_t", "one row does not tell how far rows lie apart")
        rows = torch.arange(1, self.horizon + 1, device=last.device) + self.delay
        return last.unsqueeze(-1) + rows * self.step

    def window_times(self, t: Tensor) -> Tensor:
        """Return the times of all rows of windows, given the times of the input rows.

        Args:
            t: Times of the input rows, ``[..., history]``.

        Returns:
            Times of all rows, ``[..., history + delay + horizon]``.

        Raises:
            GraphError: The time between rows is unknown.
        """
        ahead = self.times_ahead(t[..., -1])
        skipped = ahead[..., :1] + torch.arange(-self.delay, 0, device=t.device) * self.step
        return torch.cat([t, skipped, ahead], dim=-1)

    def original_units(self, ahead: Tensor, covariates: Tensor | None) -> Tensor:
        """Convert forecasts to original units, ``[..., T, N, C']``.

        Args:
            ahead: Forecasts in scaled units.
            covariates: Covariates ``[..., R, K]``, whose last T rows are the forecast rows; used
                only with a daily profile.
        """
        if self.profile is not None:
            usual = self.profile(covariates[..., -self.horizon :, :])
            ahead = ahead + usual[..., list(self.target_channels)]
        return self.scaler.of_channels(list(self.target_channels)).inverse(ahead)


def _iso(start: Any) -> str | None:
    """Convert a date to ISO text."""
    if start is None or isinstance(start, str):
        return start
    try:
        return str(np.datetime64(start, "ns"))
    except (TypeError, ValueError):
        raise GraphError(
            "start", "not a date", expected="such as '2012-03-01'", got=repr(start)
        ) from None
