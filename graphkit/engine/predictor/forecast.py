"""A forecaster of a signal, used on the readings that come after training."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from graphkit.checks import check_choice, check_count
from graphkit.data.signal_schema import Readings, SignalSchema
from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.pretrained import restore_state
from graphkit.engine.predictor.signal_reader import SignalReader, signal_of
from graphkit.errors import GraphError
from graphkit.nn.inputs.number_types import model_inputs
from graphkit.tasks.forecast_input import ForecastInput

__all__ = ["Appended", "ForecastPredictor"]

_LATE = ("raise", "drop")
_SPLITS = ("train", "val", "test")


class Appended(NamedTuple):
    """What :meth:`ForecastPredictor.observe` took in.

    Attributes:
        rows: Number of rows of the table that were appended.
        filled: Number of rows without any reading that were put in between.
        dropped: Number of rows that were left out because they came too late.
    """

    rows: int
    filled: int = 0
    dropped: int = 0


class ForecastPredictor(Predictor):
    """Predictor of :class:`~graphkit.Forecast`: what every sensor reads in the next steps.

    Tables have one row per time and one column per sensor, named by label, in any order; for
    several channels columns are pairs of label and channel. Times are in the index or in the column
    that held them in training: dates, or numbers in the graph's unit (``time_unit=`` names
    another one). NaN is a reading that is missing.

    The predictor keeps the last rows that a window needs. ``until="val"`` keeps those before the
    first row of a test window; without ``until`` they are the last ones of the task's graph.
    """

    kind: ClassVar[str] = "forecast"
    tasks: ClassVar[tuple[str, ...]] = ("forecast",)

    # ---------------------------------------------------------------- what is kept
    def _adopt(self, task: Any, before: str | None) -> None:
        graph = task.graph
        self._reader = SignalReader.of(graph)
        self._input: ForecastInput = copy.deepcopy(task.input).cpu()
        stop = len(graph.signal_t)
        index = task.index[_SPLITS.index(before)] if before is not None else ()
        if len(index):
            stop = int(task.windows.start[index].min())
        start = max(task.windows.stretch_start(stop - 1), stop - self._input.history)
        t, values = graph.signal_t[start:stop].cpu(), graph.signal[start:stop].cpu()
        mask = torch.ones_like(values, dtype=torch.bool)
        if graph.signal_mask is not None:
            mask = graph.signal_mask[start:stop].cpu().expand_as(values)
        self._last = Readings(t.clone(), values.clone(), mask.clone())

    def _facts(self) -> dict[str, Any]:
        return {"reader": self._reader.to_json(), "input": self._input.settings()}

    def _tensors(self) -> dict[str, Tensor]:
        fitted = {f"input.{name}": value for name, value in self._input.state_dict().items()}
        return {**fitted, **{f"last.{k}": v for k, v in self._last._asdict().items()}}

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self._reader = SignalReader.from_json(facts["reader"])
        fitted = {
            name.removeprefix("input."): value
            for name, value in tensors.items()
            if name.startswith("input.")
        }
        self._input = restore_state(ForecastInput(**facts["input"]), fitted, [])
        self._last = Readings(*(tensors[f"last.{name}"] for name in Readings._fields))

    @property
    def schema(self) -> SignalSchema:
        """Sensors, channels and clock of its tables."""
        return self._reader.schema

    @property
    def history(self) -> int:
        """Rows that a forecast is made from."""
        return self._input.history

    @property
    def horizon(self) -> int:
        """Steps that are forecast."""
        return self._input.horizon

    # ---------------------------------------------------------------- observe
    def observe(
        self,
        table: Any,
        *,
        late: str = "raise",
        gaps: str = "raise",
        time_unit: str | None = None,
    ) -> Appended:
        """Append readings; :meth:`forecast` starts after the last of them.

        Args:
            table: A DataFrame, or a :class:`~graphkit.TemporalGraph` with a signal, whose first row
                follows the last one that was observed. Each recording of a graph but the first
                begins anew.
            late: What to do about rows that are not after the last one: ``"raise"`` or ``"drop"``.
            gaps: What to do where rows are missing. ``"raise"``; ``"missing"``: rows without
                readings are filled in; ``"split"``: rows before the place are forgotten;
                ``"join"``: rows follow one another whatever their times, as in a task with
                ``gaps="join"``.
            time_unit: Unit of times that are numbers; by default that of the graph.

        Returns:
            The number of rows appended, put in, and left out.

        Raises:
            GraphError: A sensor or channel is missing or not known, readings are not numbers, times
                do not fit the clock, or rows are late or missing. Nothing is appended then.
        """
        check_choice(late, "late", _LATE)
        readings, recording = self._read(table, time_unit)
        kept = self._in_time(readings.t, late)
        readings, recording = Readings(*(v[kept] for v in readings)), recording[kept]
        last, filled = self._last, 0
        for number in recording.unique().tolist():
            mine = Readings(*(v[recording == number] for v in readings))
            before = last.t[-1].item() if number == recording[0] and len(last.t) else None
            found = self._reader.cadence.stretches(
                mine, gaps, self._reader.time, self._reader.written, before
            )
            filled += found.filled
            for place, rows in enumerate(found.rows):
                follows = place == 0 and found.continues
                whole = [torch.cat(pair) for pair in zip(last, rows)] if follows else rows
                last = Readings(*(v[-self.history :].clone() for v in whole))
        self._last = last
        return Appended(len(readings.t), filled, int((~kept).sum()))

    def _read(self, table: Any, time_unit: str | None) -> tuple[Readings, Tensor]:
        """Rows of a table or graph, and the recording of each."""
        readings = self._input.marked(self._reader.readings(table, time_unit))
        recording = getattr(table, "signal_recording", None)
        if recording is None:
            return readings, torch.zeros(len(readings.t), dtype=torch.int64)
        return readings, recording.cpu()

    def _in_time(self, t: Tensor, late: str) -> Tensor:
        """bool, the rows after the last one observed."""
        kept = torch.ones(len(t), dtype=torch.bool)
        if len(self._last.t):
            kept = t > self._last.t[-1]
        if late == "raise" and not bool(kept.all()):
            row = int((~kept).nonzero()[0])
            raise GraphError(
                self._reader.time,
                "this row is not after the last one observed",
                row=row,
                expected=f"after {self._reader.written(self._last.t[-1].item())}",
                got=str(self._reader.written(t[row].item())),
                fix="late='drop' leaves such rows out.",
            )
        return kept

    # ---------------------------------------------------------------- forecast
    @torch.no_grad()
    def forecast(
        self,
        steps: int | None = None,
        frame: Any = None,
        *,
        gaps: str = "raise",
        time_unit: str | None = None,
    ) -> pd.DataFrame:
        """The readings that come next, in original units.

        Args:
            steps: How many steps, at most :attr:`horizon`, which is the default.
            frame: A table or graph as for :meth:`observe`. Forecasts are then made from every
                window of :attr:`history` rows of it, and what was observed is neither read nor
                changed. No window crosses the border of two recordings.
            gaps: What to do where rows of ``frame`` are missing, see :meth:`observe`;
                ``"split"``: no window crosses such a place.
            time_unit: Unit of times that are numbers; by default that of the graph.

        Returns:
            One row per step and one column per sensor, those of the target channels where there are
            several; the index holds the times of the steps as the source had times. They begin
            ``delay`` steps later for a task with a delay. With ``frame`` rows are numbered by
            pairs ``(made_at, time)``: the time of the last row of the window, and of the step.

        Raises:
            GraphError: ``steps`` is larger than :attr:`horizon`, too few rows were observed, a
                table does not fit (see :meth:`observe`), or a forecast is NaN.
        """
        steps = self._checked(steps)
        targets = self._target_schema()
        if frame is None:
            if len(self._last.t) < self.history:
                raise GraphError(
                    "forecast",
                    "too few rows were observed",
                    expected=f"{self.history} rows that follow one another",
                    got=len(self._last.t),
                    fix="Call observe(table) first, or forecast(frame=table).",
                )
            graph = signal_of(self._last, torch.zeros(self.history, dtype=torch.int64))
            masked = self._reader.mask(graph)
            if not bool(self._last.mask.any()):
                raise GraphError("forecast", f"the last {self.history} rows hold no reading")
            t, values = self._ahead(*(v.unsqueeze(0) for v in self._last), masked)
            return targets.frame(t[0, :steps], values[0, :steps])
        return self._windows(frame, steps, targets, gaps, time_unit)

    def _windows(
        self, table: Any, steps: int, targets: SignalSchema, gaps: str, time_unit: str | None
    ) -> pd.DataFrame:
        """Forecasts from every window of a table."""
        readings, recording = self._read(table, time_unit)
        rows = []
        for number in recording.unique().tolist():
            mine = Readings(*(v[recording == number] for v in readings))
            found = self._reader.cadence.stretches(
                mine, gaps, self._reader.time, self._reader.written
            )
            rows += found.rows
        longest = max((len(stretch.t) for stretch in rows), default=0)
        if longest < self.history:
            raise GraphError(
                "frame",
                "it is too short for one window",
                expected=f"at least {self.history} rows that follow one another",
                got=longest,
            )
        numbers = [torch.full((len(s.t),), i, dtype=torch.int64) for i, s in enumerate(rows)]
        graph = signal_of(Readings(*map(torch.cat, zip(*rows))), torch.cat(numbers))
        masked, windows = self._reader.mask(graph), graph.windows(self.history, 0, 1, gaps="join")
        made, times, values = [], [], []
        for w in windows.batches(self.batch_size):
            t, ahead = self._ahead(w.t, w.x, w.x_mask, masked)
            made.append(w.t[:, -1:].expand(-1, steps).flatten())
            times.append(t[:, :steps].flatten())
            values.append(ahead[:, :steps].flatten(0, 1))
        answer = targets.frame(torch.cat(times), torch.cat(values))
        made_at = self.schema.clock.write(torch.cat(made).numpy())
        names = ["made_at", self._reader.time]
        answer.index = pd.MultiIndex.from_arrays([made_at, answer.index], names=names)
        return answer

    def _ahead(self, t: Tensor, x: Tensor, mask: Tensor, masked: bool) -> tuple[Tensor, Tensor]:
        """Times ``[B, T]`` and forecasts ``[B, T, N, C']`` of windows ``[B, T', N, C]``."""
        prepare, seen = self._input, mask if masked else None
        t = prepare.window_times(t)
        covariates = prepare.covariates(t)
        x = prepare.x(x, seen, covariates[:, : self.history])
        known = covariates if prepare.covariate_names else None
        given = [None if v is None else v.to(self.device) for v in (x, known, seen)]
        ahead = prepare.original_units(self.model(*model_inputs(self.model, *given)).cpu(), known)
        if bool(ahead.isnan().any()):
            raise GraphError("forecast", "a forecast is NaN", fix="Train with a lower lr.")
        return t[:, -self.horizon :], ahead

    def _checked(self, steps: int | None) -> int:
        if hasattr(steps, "columns") or hasattr(steps, "signal"):
            raise GraphError(
                "steps", "not a count", got=type(steps).__name__, fix="Use forecast(frame=table)."
            )
        steps = self.horizon if steps is None else check_count(steps, "steps")
        if steps > self.horizon:
            raise GraphError(
                "steps",
                "the model does not forecast so far",
                expected=f"at most {self.horizon}",
                got=steps,
                fix="Observe the readings in between, or train with a longer horizon.",
            )
        return steps

    def _target_schema(self) -> SignalSchema:
        """The schema with the channels that are forecast."""
        channels = self.schema.channels
        return replace(
            self.schema, channels=tuple(channels[c] for c in self._input.target_channels)
        )
