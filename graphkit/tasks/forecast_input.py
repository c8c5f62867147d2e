"""From readings and their times to what a forecaster is given, and from its answers to readings."""

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
    """Prepares readings for a forecaster and turns its forecasts back into original units.

    What was fitted to the training subset (scaler, daily profile) lies in buffers; everything else
    is in :meth:`settings`. Both together make the preparation again, without the training data.

    Args:
        num_nodes: N.
        in_channels: C.
        history: Rows that a model is given, :math:`T'`.
        horizon: Rows that it forecasts, T.
        delay: Rows between them.
        target_channels: Channels that are forecast.
        scaler: ``"standard"``, ``"minmax"``, ``"maxabs"`` or ``"none"``.
        scale_per: ``"all"``, ``"channel"`` or ``"node"``.
        profile: Take each node's usual day out of the scaled readings, and put that of the times
            ahead back into forecasts (:class:`~graphkit.nn.signal.DailyProfile`).
        profile_half_life: In days, see there.
        covariates: Names out of ``time_of_day`` and ``day_of_week``.
        time_unit: What one tick of the times is.
        step: Ticks from one row to the next.
        start: Date of tick 0, where ticks do not count from 1970; a date or its ISO form.
        holidays: ISO dates that count as Sundays in ``day_of_week``.
        time_zone: Zone of the local clock that covariates and days are read from, such as
            ``"Europe/Berlin"``; the times are UTC then. ``None``: the times are local already.
        null_value: Readings of this value are missing.

    Raises:
        GraphError: ``holidays`` without ``day_of_week``, ``profile`` without a clock of whole steps
            per day or without ``time_of_day``, or ``start`` is no date.
        UnknownNameError: No such scaler.
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
        """The arguments of the constructor, as values that JSON holds."""
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

    # ---------------------------------------------------------------- fitted to training
    def fit(self, signal: Tensor, mask: Tensor | None = None, rows: Tensor | None = None) -> None:
        """Fit the scaler.

        Args:
            signal: Readings ``[T, N, C]``.
            mask: bool, where they are valid.
            rows: bool ``[T]``, the rows of the training subset.
        """
        self.scaler.fit(signal, mask, rows)

    def fit_profile(self, seen: TrainingSignal) -> None:
        """Fit the daily profile, if there is one, to rows that are scaled and not yet freed of it.

        Args:
            seen: The rows of the training subset.
        """
        if self.profile is not None:
            self.profile.fit(seen)

    # ---------------------------------------------------------------- what models are given
    @property
    def scaler_name(self) -> str:
        """The scaler and what it is taken of, in words."""
        return f"{self._scaler_name}, per {self.scaler.per}"

    @property
    def steps_per_day(self) -> int | None:
        """Rows of a day, ``None`` where they are no whole number or the clock only orders."""
        if self.time_unit.nanoseconds is None or self.step is None:
            return None
        steps = ticks_per_day(self.time_unit) / max(1, int(self.step))
        return int(steps) if steps.denominator == 1 else None

    def covariates(self, t: Tensor) -> Tensor:
        """What is known beforehand of times ``[...]``: ``[..., K]``."""
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
        """The calendar day of times, int64; ``None`` where the clock only orders."""
        if self.time_unit.nanoseconds is None:
            return None
        return calendar_days(t, self.time_unit, start=self.start, time_zone=self.time_zone)

    def x(self, readings: Tensor, mask: Tensor | None, covariates: Tensor) -> Tensor:
        """Readings as a model is given them: scaled, freed of the usual day, 0 where missing.

        Args:
            readings: ``[..., R, N, C]``, in original units.
            mask: bool, of the same shape: where they are valid; ``None`` for everywhere.
            covariates: ``[..., R, K]``, those of the same rows.

        Raises:
            GraphError: They are of other nodes or channels than in training.
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
        """Later readings with those of ``null_value`` marked as missing, as in training."""
        if self.null_value is None:
            return readings
        missing = readings.values == self.null_value
        return readings._replace(
            values=readings.values.masked_fill(missing, 0), mask=readings.mask & ~missing
        )

    def times_ahead(self, last: Tensor) -> Tensor:
        """The times of the rows that are forecast after times ``[...]`` of last rows: ``[..., T]``.

        Raises:
            GraphError: How far rows lie apart is not known.
        """
        if self.step is None:
            raise GraphError("signal_t", "one row does not tell how far rows lie apart")
        rows = torch.arange(1, self.horizon + 1, device=last.device) + self.delay
        return last.unsqueeze(-1) + rows * self.step

    def window_times(self, t: Tensor) -> Tensor:
        """The times of all rows of windows, from those of the rows that a model is given.

        Args:
            t: ``[..., history]``.

        Returns:
            ``[..., history + delay + horizon]``.

        Raises:
            GraphError: How far rows lie apart is not known.
        """
        ahead = self.times_ahead(t[..., -1])
        skipped = ahead[..., :1] + torch.arange(-self.delay, 0, device=t.device) * self.step
        return torch.cat([t, skipped, ahead], dim=-1)

    def original_units(self, ahead: Tensor, covariates: Tensor | None) -> Tensor:
        """A model's answer ``[..., T, N, C']`` in original units.

        Args:
            ahead: In scaled units.
            covariates: ``[..., R, K]``, of which the last T rows are those that are forecast; read
                where there is a daily profile.
        """
        if self.profile is not None:
            usual = self.profile(covariates[..., -self.horizon :, :])
            ahead = ahead + usual[..., list(self.target_channels)]
        return self.scaler.of_channels(list(self.target_channels)).inverse(ahead)


def _iso(start: Any) -> str | None:
    """A date as text."""
    if start is None or isinstance(start, str):
        return start
    try:
        return str(np.datetime64(start, "ns"))
    except (TypeError, ValueError):
        raise GraphError(
            "start", "not a date", expected="such as '2012-03-01'", got=repr(start)
        ) from None
