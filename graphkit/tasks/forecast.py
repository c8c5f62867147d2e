"""Forecasting a signal on a graph: what will every node read in the next steps?"""

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
from graphkit.data.fill_gaps import mark_missing
from graphkit.data.scalers import Scaler
from graphkit.data.window_index import WindowSplit
from graphkit.data.window_splits import TimeSplit
from graphkit.data.windows import Windows
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

    Windows are split so that none crosses a border. A scaler is fitted on the readings that
    training windows look at; a model sees scaled readings and answers in scaled units, the task
    turns forecasts back. The loss is the masked mean absolute error in original units: missing
    targets (masked, NaN, or ``null_value``) do not count, and every valid training target counts
    the same, whichever batch it is in.

    Metrics, in original units over valid targets of a whole split: ``mae``, ``rmse``, ``mape``
    (over targets that are not 0) and ``wape``, each the mean over the steps ahead of the error at
    that step, and at the steps named by ``horizons`` as ``mae@3`` and so on. The epoch with the
    lowest validation MAE is kept.

    Args:
        graph: With a ``signal``; its events are the fixed network. Where they are timed, those
            before the end of training are taken, parallel ones as one of mean weight.
        history: Rows that a model sees, :math:`T'`.
        horizon: Rows that it forecasts, :math:`T`.
        stride: Rows between two windows.
        delay: Rows between the last one seen and the first one forecast.
        target_channels: Channels that are forecast; all if ``None``.
        split: A :class:`~graphkit.data.window_index.WindowSplit`; by time, 60 % / 20 % / 20 %,
            if ``None``. A tuple ``(val, test)`` of shares is a split by time.
        scaler: ``"standard"``, ``"minmax"``, ``"maxabs"`` or ``"none"``.
        scale_per: ``"all"``, ``"channel"`` or ``"node"``.
        profile: Take each node's usual day (:class:`~graphkit.nn.signal.DailyProfile`, of the
            training subset) out of the scaled readings, and put that of the times ahead back into
            forecasts: a model then says what is unusual.
        profile_half_life: In days, see there; ``None``: all days of training count the same.
        covariates: Names out of ``time_of_day`` and ``day_of_week``; both if ``None``, or none
            where the graph's clock only orders.
        start: Date of tick 0, where ticks do not count from 1970.
        holidays: Dates that count as Sundays in ``day_of_week``, and so in ``profile``.
        null_value: Readings of this value are missing, as NaN readings are: in inputs, targets,
            scaler and profile alike.
        gaps: What to do where rows are not one step apart: ``"split"``, ``"missing"``,
            ``"raise"`` or ``"join"``, see :meth:`TemporalGraph.windows`; ``None`` splits with a
            warning.
        horizons: Steps ahead that are reported alone.
        edges: ``"given"``; or ``"correlation"``: from each node to the ``num_neighbors`` whose
            training readings correlate most with its own, the daily rhythm taken away.
        num_neighbors: Of ``edges="correlation"``.
        selection: The metric that chooses the epoch, ``"mae"``, ``"rmse"``, ``"mape"``, ``"wape"``.
        seed: Of the order of training windows.

    Attributes:
        input: Prepares readings and turns forecasts back
            (:class:`~graphkit.tasks.forecast_input.ForecastInput`).

    Raises:
        GraphError: No signal, no forecast, or nothing to train on.
        GraphError: ``profile`` without a clock of whole steps per day, or without ``time_of_day``.
        UnknownNameError: No such scaler, covariate, selection or kind of edges.
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
        self.gaps = gaps
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
        self.input.covariates(graph.signal_t[:1])  # an unknown name is an error now
        self.input.fit(graph.signal, graph.signal_mask, self.windows.covered(self.index.train))
        self.input.fit_profile(self._training_signal(free=False))
        self._edges_from = f"{edges}, {num_neighbors} neighbours" if edges != "given" else edges
        self.edge_index, self.edge_weight = self._find_edges(edges, num_neighbors)
        self._placed: dict[torch.device, tuple[Windows, ForecastInput]] = {}
        self._expected = self._targets_per_window()

    # ---------------------------------------------------------------- what models may ask
    @property
    def out_channels(self) -> int:
        """Channels that it forecasts."""
        return len(self.target_channels)

    @property
    def num_classes(self) -> int:
        """0: nothing is classified."""
        return 0

    @property
    def scaler(self) -> Scaler:
        """Scales readings, fitted to the rows of training windows."""
        return self.input.scaler

    @property
    def profile(self) -> DailyProfile | None:
        """Each node's usual day in training, if it is taken out."""
        return self.input.profile

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """Columns of the covariates."""
        return self.input.covariate_names

    @property
    def steps_per_day(self) -> int | None:
        """Rows of a day, ``None`` where they are no whole number or the clock only orders."""
        return self.input.steps_per_day

    def training_signal(self) -> TrainingSignal:
        """The rows that training windows look at, as models see them, and where those start."""
        return self._training_signal(free=True)

    def _training_signal(self, free: bool) -> TrainingSignal:
        """The same; ``free`` of the usual day or not."""
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

    # ---------------------------------------------------------------- what is asked
    def query(self, index: Any, first: int = 0, device: torch.device | str = "cpu") -> WindowQuery:
        """Some windows, by number, as a model sees them.

        Args:
            index: Numbers of windows.
            first: Their position in a stream.
            device: Where they go.
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
        """A model's forecast in original units, ``[B, T, N, C']``."""
        _, prepare = self._on(query.x.device)
        ahead = model(*model_inputs(model, query.x, query.covariates, query.x_mask))
        return prepare.original_units(ahead, query.covariates)

    def score(self, model: nn.Module, query: WindowQuery) -> Answer:
        """Forecast and truth in original units, ``[B, T, N, C']`` each; ``mask`` is false where the
        truth is not known."""
        return Answer(self.forecast(model, query), query.y, query.y_mask)

    def loss(self, answer: Answer, total: int) -> Tensor:
        """The contribution of these windows to the masked mean absolute error of ``total`` ones."""
        # Contiguous: a sum is taken in one order, however the model lays out its output.
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
        """Errors averaged over the steps ahead, and at the chosen ones.

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
        """What decides the numbers."""
        return {
            "split": self.split.describe(),
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

    # ---------------------------------------------------------------- inside
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
        """Valid targets of a training window in the mean."""
        every = self.horizon * self.num_nodes * self.out_channels
        if self.graph.signal_mask is None:
            return float(every)
        mask = self.graph.signal_mask.expand_as(self.graph.signal)
        valid = mask[..., list(self.target_channels)]
        ahead = valid.flatten(1).sum(1).double().cpu()
        before = torch.cat([ahead.new_zeros(1), ahead.cumsum(0)])
        start = self.windows.start[self.index.train] + self.in_steps + self.delay
        total = float((before[start + self.horizon] - before[start]).sum())
        if total == 0:
            raise GraphError("signal_mask", "no training window has a valid target")
        return total / len(self.index.train)

    def _on(self, device: torch.device) -> tuple[Windows, ForecastInput]:
        """The windows on a device, and what prepares them."""
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
    """How far apart the rows of a signal lie.

    Raises:
        GraphError: Recordings are sampled at different rates.
    """
    whole = Cadence.of(graph)
    if gaps == "join" or graph.signal_recording is None or whole.step is None:
        return whole
    for number in graph.signal_recording.unique().tolist():
        step = Cadence.of_times(graph.signal_t[graph.signal_recording == number]).step
        if step is not None and not whole.same_step(step):
            raise GraphError(
                "signal_t",
                f"recording {number} is sampled at another rate",
                expected=f"{whole.step} ticks from row to row, as most recordings",
                got=step,
                fix="Resample it, or leave it out.",
            )
    return whole
