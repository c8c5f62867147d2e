"""Forecasting of a signal on a graph: the readings of every node in the next steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit import renamed
from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.data.cadence import Cadence
from graphkit.data.correlation import correlation_edges
from graphkit.data.covariates import COVARIATES, time_covariates
from graphkit.data.fill_gaps import mark_missing, signal_mask
from graphkit.data.recordings import recording_bounds
from graphkit.data.scalers import Scaler
from graphkit.data.window_index import WindowSplit
from graphkit.data.window_splits import TimeSplit
from graphkit.data.windows import Windows, name_short_recordings
from graphkit.errors import GraphError
from graphkit.metrics import forecast_errors
from graphkit.nn.inputs.number_types import at_least_float32, model_inputs
from graphkit.nn.signal import DailyProfile, TrainingSignal
from graphkit.registry import register
from graphkit.tasks.answer import Answer
from graphkit.tasks.forecast_input import ForecastInput
from graphkit.tasks.signal_task import SPLITS, SignalTask
from graphkit.tasks.window_stream import WindowQuery

__all__ = ["Forecast"]

_ERRORS = ("mae", "rmse", "mape", "wape")


@register("task", "forecast", view="signal")
class Forecast(SignalTask):
    r"""Forecast the next ``horizon`` readings of every node from the last ``history`` ones.

    Windows are split so that no window crosses a border between splits. A scaler is fitted on the
    readings in training windows; the model receives scaled readings and returns forecasts in scaled
    units, which the task converts back. The loss is the masked mean absolute error in original
    units: missing targets (masked, NaN, or ``null_value``) are ignored, and every valid training
    target has the same weight, whichever batch it is in.

    Metrics, in original units over the valid targets of a whole split: ``mae``, ``rmse``, ``mape``
    (over nonzero targets) and ``wape``. Each is computed per step ahead and averaged over the
    steps, and also reported at the steps in ``horizons`` as ``mae@3`` and so on. The epoch with
    the lowest validation MAE is selected.

    Args:
        graph: A graph with a ``signal``; its events are the fixed network. If the events are timed,
            only those before the end of training are used; parallel events become one edge with
            their mean weight.
        history: Number of input rows, :math:`T'`.
        horizon: Number of forecast rows, :math:`T`.
        stride: Number of rows between the starts of consecutive windows.
        delay: Number of rows between the last input row and the first forecast row.
        target_channels: Channels to forecast; by default all.
        split: A :class:`~graphkit.data.window_index.WindowSplit`; by default 60 % / 20 % / 20 %
            by time. A tuple ``(val, test)`` of shares is a split by time.
        scaler: ``"standard"``, ``"minmax"``, ``"maxabs"`` or ``"none"``.
        scale_per: ``"all"``, ``"channel"`` or ``"node"``.
        profile: Whether to subtract the daily profile of each node
            (:class:`~graphkit.nn.signal.DailyProfile`, fitted on the training subset) from the
            scaled readings and add it back to the forecasts, so that the model predicts deviations
            from the usual day.
        profile_half_life: Half-life of the profile in days, see
            :class:`~graphkit.nn.signal.DailyProfile`; ``None`` weights all training days equally.
        covariates: Subset of ``time_of_day`` and ``day_of_week``; by default both, or none if the
            time unit of the graph is only an order.
        start: Date of tick 0, if ticks do not count from 1970.
        holidays: Dates that are treated as Sundays in ``day_of_week`` and therefore in ``profile``.
        null_value: Readings with this value are treated as missing, like NaN, in inputs, targets,
            scaler and profile.
        gaps: Handling of rows that are not one step apart: ``"split"``, ``"missing"``,
            ``"raise"`` or ``"join"``, see :meth:`TemporalGraph.windows`; ``None`` splits with a
            warning.
        horizons: Steps ahead that are also reported individually.
        edges: ``"given"`` to use the events, or ``"correlation"`` for edges from each node to the
            ``num_neighbors`` nodes whose training readings, without their daily rhythm, have the
            highest correlation with its own.
        num_neighbors: Number of neighbors of each node for ``edges="correlation"``.
        selection: Metric that selects the epoch: ``"mae"``, ``"rmse"``, ``"mape"`` or ``"wape"``.
        seed: Seed of the order of training windows.

    Attributes:
        input: Module that prepares readings and converts forecasts back
            (:class:`~graphkit.tasks.forecast_input.ForecastInput`).

    Raises:
        GraphError: There is no signal, nothing to forecast, or nothing to train on.
        GraphError: ``profile`` is set but a day is not a whole number of steps, or ``time_of_day``
            is not a covariate.
        UnknownNameError: There is no such scaler, covariate, selection or kind of edges.
    """

    name = kind = "forecast"
    selection_mode = "min"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        history: int = 12,
        horizon: int = 12,
        stride: int = 1,
        delay: int = 0,
        target_channels: int | slice | Sequence[int] | None = None,
        split: WindowSplit | tuple[float, float] | None = None,
        scaler: str = "standard",
        scale_per: str = "channel",
        profile: bool = False,
        profile_half_life: float | None = None,
        covariates: Sequence[str] | None = None,
        start: Any = None,
        holidays: Sequence[Any] = (),
        null_value: float | None = None,
        gaps: str | None = None,
        horizons: Sequence[int] = (3, 6, 12),
        edges: str = "given",
        num_neighbors: int = 8,
        selection: str = "mae",
        seed: int = 0,
    ) -> None:
        check_choice(selection, "selection", _ERRORS)
        if renamed.value("scale_per", scale_per) == "recording":
            raise GraphError(
                "scale_per",
                "a recording may have no training reading",
                expected="'all', 'channel' or 'node'",
                got="'recording'",
            )
        check_choice(edges, "edges", ("given", "correlation"))
        super().__init__(graph)
        if graph.signal is not None:
            graph = mark_missing(graph, null_value)
        self.windows = graph.windows(
            history, horizon, stride, delay=delay, target_channels=target_channels, gaps=gaps
        )
        self.graph = graph = self.windows.graph
        self.gaps, self.too_short = gaps, name_short_recordings(self.windows)
        if self.windows.horizon == 0:
            raise GraphError("horizon", "there is nothing to forecast", expected="at least 1")
        self.in_steps, self.horizon = self.windows.history, self.windows.horizon
        self.delay, self.selection, self.seed = self.windows.delay, selection, int(seed)
        self.horizons = tuple(h for h in horizons if h <= horizon)
        self.split = TimeSplit(*split) if isinstance(split, tuple) else split or TimeSplit()
        self.index = self.split.split(self.windows)
        self.target_channels = self.windows.target_channels
        cadence = _one_rate(graph, gaps)
        if start is not None and graph.time_zone is not None:
            raise GraphError(
                "start",
                "the times of this graph are dates already",
                got=repr(start),
                fix="Leave start= out.",
            )
        if covariates is None:
            covariates = COVARIATES if graph.time_unit.nanoseconds is not None else ()
        self.input = ForecastInput(
            self.num_nodes,
            self.in_channels,
            history=self.in_steps,
            horizon=self.horizon,
            delay=self.delay,
            target_channels=self.target_channels,
            scaler=scaler,
            scale_per=scale_per,
            profile=profile,
            profile_half_life=profile_half_life,
            covariates=covariates,
            time_unit=str(graph.time_unit),
            step=cadence.step,
            start=start,
            holidays=holidays,
            null_value=null_value,
            time_zone=graph.time_zone,
        )
        self.input.covariates(graph.signal_t[:1])  # raises early for an unknown name
        self.input.fit(graph.signal, graph.signal_mask, self.windows.covered(self.index.train))
        self.input.fit_profile(self._training_signal(free=False))
        self._edges_given = edges == "given"
        self._edges_from = f"{edges}, {num_neighbors} neighbours" if edges != "given" else edges
        self.edge_index, self.edge_weight = self._find_edges(edges, num_neighbors)
        self._placed: dict[torch.device, tuple[Windows, ForecastInput]] = {}
        self._expected = self._targets_per_window()

    # ---------------------------------------------------------------- sizes for models
    @property
    def out_channels(self) -> int:
        """Number of forecast channels."""
        return len(self.target_channels)

    @property
    def num_classes(self) -> int:
        """Always 0, because the task has no classes."""
        return 0

    @property
    def scaler(self) -> Scaler:
        """Scaler of the readings, fitted on the rows of training windows."""
        return self.input.scaler

    @property
    def profile(self) -> DailyProfile | None:
        """Daily profile of each node in training, or ``None`` if it is not used."""
        return self.input.profile

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """Names of the covariate columns."""
        return self.input.covariate_names

    @property
    def steps_per_day(self) -> int | None:
        """Number of rows per day; ``None`` if it is not an integer or times are only an order."""
        return self.input.steps_per_day

    def training_signal(self) -> TrainingSignal:
        """Return the rows in training windows as model input, and the starts of these windows."""
        return self._training_signal(free=True)

    def _training_signal(self, free: bool) -> TrainingSignal:
        """Same as :meth:`training_signal`; ``free`` subtracts the daily profile."""
        rows = self.windows.covered(self.index.train).nonzero().flatten()
        signal, mask, t = self.graph.signal[rows], self.graph.signal_mask, self.graph.signal_t[rows]
        covariates = self.input.covariates(t)
        if mask is not None:
            mask = mask[rows].expand_as(signal)
        if free:
            x = self.input.x(signal, mask, covariates)
        else:
            x = self.scaler(signal)
            x = x if mask is None else x.masked_fill(~mask, 0)
        start = torch.searchsorted(rows, self.windows.start[self.index.train].to(rows.device))
        return TrainingSignal(x, mask, covariates, start, self.input.days(t))

    def columns_read(self, model: Any) -> set[str]:
        """Return ``signal``, and ``edge_weight`` for the graph that models receive."""
        return {"signal", "edge_weight"} if self._edges_given else {"signal"}

    def columns_declined(self) -> set[str]:
        """Return ``edge_weight`` if the edges are those of correlations."""
        return set() if self._edges_given else {"edge_weight"}

    # ---------------------------------------------------------------- queries
    def query(self, index: Any, first: int = 0, device: torch.device | str = "cpu") -> WindowQuery:
        """Return windows as model input.

        Args:
            index: Numbers of the windows.
            first: Position of the first window in a stream.
            device: Device of the tensors.
        """
        windows, prepare = self._on(torch.device(device))
        w = windows[index]
        masked = self.graph.signal_mask is not None
        covariates, x_mask = prepare.covariates(w.t), w.x_mask if masked else None
        return WindowQuery(
            x=prepare.x(w.x, x_mask, covariates[..., : self.in_steps, :]),
            y=w.y,
            y_mask=w.mask if masked else None,
            x_mask=x_mask,
            covariates=covariates if self.covariate_names else None,
            first=first,
        )

    # ---------------------------------------------------------------- answers
    def forecast(self, model: nn.Module, query: WindowQuery) -> Tensor:
        """Compute the forecast of a model in original units, ``[B, T, N, C']``."""
        _, prepare = self._on(query.x.device)
        ahead = model(*model_inputs(model, query.x, query.covariates, query.x_mask))
        return prepare.original_units(ahead, query.covariates)

    def score(self, model: nn.Module, query: WindowQuery) -> Answer:
        """Return forecasts and targets in original units, ``[B, T, N, C']`` each; ``mask`` is false
        where the target is missing."""
        return Answer(self.forecast(model, query), query.y, query.y_mask)

    def loss(self, answer: Answer, total: int) -> Tensor:
        """Contribution of these windows to the masked mean absolute error of ``total`` windows."""
        # Contiguous, so that the order of summation does not depend on the layout of the output.
        pred = at_least_float32(answer.prediction).contiguous()
        truth = answer.target.to(pred.dtype)
        valid = ~truth.isnan()
        if answer.mask is not None:
            valid = valid & answer.mask
        error = (pred - torch.where(valid, truth, 0)).abs() * valid
        return error.sum() / (total * self._expected)

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """Compute the errors averaged over the steps ahead, and at each step in ``horizons``.

        Raises:
            GraphError: A forecast is NaN.
        """
        answer = Answer.cat(answers)
        if len(answer) == 0:
            return {}
        pred = answer.prediction
        if bool(pred.isnan().any()):
            raise GraphError("prediction", "a forecast is NaN", fix="Lower lr, or give clip_norm.")
        errors = forecast_errors(pred, answer.target.to(pred.dtype), answer.mask)
        found = {name: float(errors[name].nanmean()) for name in _ERRORS}
        for step in self.horizons:
            found |= {f"{name}@{step}": float(errors[name][step - 1]) for name in _ERRORS}
        return found

    # ---------------------------------------------------------------- record
    def identity(self) -> dict[str, Any]:
        """Settings that determine the numbers."""
        return {
            "split": self.split.describe(),
            **({"recordings_too_short": len(self.too_short)} if self.too_short else {}),
            "windows": {s: len(p) for s, p in zip(SPLITS, self.index)},
            "history": self.in_steps,
            "horizon": self.horizon,
            "delay": self.delay,
            "stride": self.windows.stride,
            "target_channels": list(self.target_channels),
            "scaler": self.input.scaler_name,
            "profile": self.profile is not None,
            **(
                {"profile_half_life_days": self.profile.half_life}
                if self.profile is not None and self.profile.half_life is not None
                else {}
            ),
            "covariates": list(self.covariate_names),
            **({"holidays": list(self.input.holidays)} if self.input.holidays else {}),
            "null_value": self.input.null_value,
            **({"gaps": f"split in {n} places"} if (n := self.windows.num_gaps) else {}),
            **({"gaps": self.gaps} if self.gaps in ("missing", "join") else {}),
            **({"time_zone": zone} if (zone := self.input.time_zone) is not None else {}),
            "edges": f"{self._edges_from}: {self.edge_index.shape[1]}",
            "order_seed": self.seed,
            "selection": self.selection,
            "computed": {
                "mae": "over valid targets in original units; without @: mean over the steps ahead",
                "mape": "as mae, over targets that are not 0",
            },
        }

    # ---------------------------------------------------------------- internals
    def _asking(self, split: str, epoch: int, device: torch.device) -> Any:
        return lambda index, first: self.query(index, first, device)

    def _find_edges(self, edges: str, num_neighbors: int) -> tuple[Tensor, Tensor | None]:
        graph = self.graph
        rows = self.windows.covered(self.index.train)
        if edges == "correlation":
            channel, mask = self.target_channels[0], graph.signal_mask
            phase = None
            if self.steps_per_day:
                day = time_covariates(
                    graph.signal_t[rows],
                    graph.time_unit,
                    start=self.input.start,
                    names=["time_of_day"],
                    time_zone=self.input.time_zone,
                )
                phase = (day[..., 0] * self.steps_per_day).round().long()
            if mask is not None:
                mask = mask[rows].expand(-1, -1, graph.signal.size(2))[..., channel]
            series = graph.signal[rows][..., channel]
            return correlation_edges(series, num_neighbors=num_neighbors, phase=phase, mask=mask)
        if len(graph) == 0:
            return torch.zeros(2, 0, dtype=torch.int64), None
        if not graph.is_static:
            last = graph.signal_t[rows.nonzero()[-1, 0]].item()
            graph = graph.between(None, last)
        data = graph.static(coalesce=True, reduce={"edge_weight": "mean"})
        return data.edge_index, data.edge_weight

    def _targets_per_window(self) -> float:
        """Mean number of valid targets per training window."""
        every = self.horizon * self.num_nodes * self.out_channels
        if self.graph.signal_mask is None:
            return float(every)
        valid = signal_mask(self.graph)[..., list(self.target_channels)]
        ahead = valid.flatten(1).sum(1).double().cpu()
        before = torch.cat([ahead.new_zeros(1), ahead.cumsum(0)])
        start = self.windows.start[self.index.train] + self.in_steps + self.delay
        total = float((before[start + self.horizon] - before[start]).sum())
        if total == 0:
            raise GraphError("signal_mask", "no training window has a valid target")
        return total / len(self.index.train)

    def _on(self, device: torch.device) -> tuple[Windows, ForecastInput]:
        """Return the windows and their preparation on a device."""
        if device not in self._placed:
            w = self.windows
            if w.graph.device != device:
                w = w.to(device)
            self._placed[device] = w, copy.deepcopy(self.input).to(device)
        return self._placed[device]

    def _summary(self) -> str:
        sizes = " / ".join(f"{len(index):,}" for index in self.index)
        return (
            f"{self.split.name} split, {sizes} windows of {self.in_steps} + {self.horizon} steps, "
            f"{'daily profiles taken out, ' if self.profile is not None else ''}"
            f"masked errors in original units, epoch chosen by validation {self.selection}"
        )


def _one_rate(graph: TemporalGraph, gaps: str | None) -> Cadence:
    """Return the time between consecutive rows of a signal.

    Raises:
        GraphError: Recordings are sampled at different rates.
    """
    whole = Cadence.of(graph)
    if gaps == "join" or graph.signal_recording is None or whole.step is None:
        return whole
    numbers, bounds = recording_bounds(graph.signal_recording, len(graph.signal_t))
    for number, low, high in zip(numbers.tolist(), bounds[:-1].tolist(), bounds[1:].tolist()):
        step = Cadence.of_times(graph.signal_t[low:high]).step
        if step is not None and not whole.same_step(step):
            raise GraphError(
                "signal_t",
                f"recording {number} is sampled at another rate",
                expected=f"{whole.step} ticks from row to row, as most recordings",
                got=step,
                fix="Resample it, or leave it out.",
            )
    return whole
