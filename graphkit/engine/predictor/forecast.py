"""Predictor of signal forecasts for readings after training."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from graphkit.checks import check_choice, check_count
from graphkit.data.fill_gaps import signal_mask
from graphkit.data.signal_schema import Readings, SignalSchema
from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.pretrained import restore_state
from graphkit.engine.predictor.signal_reader import SignalReader, recording_of, signal_of
from graphkit.errors import GraphError
from graphkit.nn.inputs.number_types import model_inputs
from graphkit.tasks.forecast_input import ForecastInput

__all__ = ["Appended", "ForecastPredictor"]

_LATE = ("raise", "drop")
_SPLITS = ("train", "val", "test")


class Appended(NamedTuple):
    """Numbers of rows that :meth:`ForecastPredictor.observe` processed.

    Attributes:
        rows: Number of rows of the table that were appended.
        filled: Number of rows without any reading that were inserted in gaps.
        dropped: Number of rows that were dropped because they were late.
    """

    rows: int
    filled: int = 0
    dropped: int = 0


class ForecastPredictor(Predictor):
    """Predictor of :class:`~graphkit.Forecast`: readings of every sensor in the next steps.

    Tables have one row per time and one column per sensor, named by label, in any order; with
    several channels the columns are pairs of label and channel. Times are in the index or in the
    column that contained them in training, as dates or as numbers in the time unit of the graph
    (another unit is given by ``time_unit``). NaN denotes a missing reading.

    The predictor stores the last rows that a window needs. With ``until="val"`` these are the rows
    before the first row of a test window; without ``until`` they are the last rows of the graph of
    the task.
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
        mask = signal_mask(graph)[start:stop].cpu()
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
        """Sensors, channels and time unit of the tables."""
        return self._reader.schema

    @property
    def history(self) -> int:
        """Number of past rows that a forecast is computed from."""
        return self._input.history

    @property
    def horizon(self) -> int:
        """Number of steps that are forecast."""
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
        """Append readings; :meth:`forecast` starts after the last one.

        Args:
            table: A DataFrame, or a :class:`~graphkit.TemporalGraph` with a signal, whose first row
                follows the last observed row. Each recording of a graph except the first starts a
                new history.
            late: Handling of rows that are not after the last observed row: ``"raise"`` or
                ``"drop"``.
            gaps: Handling of missing rows: ``"raise"`` an error; ``"missing"`` inserts rows
                without readings; ``"split"`` discards the rows before the gap; ``"join"`` treats
                rows as consecutive whatever their times, as in a task with ``gaps="join"``.
            time_unit: Unit of numeric times; by default the time unit of the graph.

        Returns:
            The numbers of rows appended, inserted and dropped.

        Raises:
            GraphError: A sensor or channel is missing or unknown, readings are not numbers, times
                do not fit the cadence, or rows are late or missing. Nothing is appended then.
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
        """Return the rows of a table or graph, and the recording of each row."""
        readings = self._input.marked(self._reader.readings(table, time_unit))
        return readings, recording_of(table, len(readings.t))

    def _in_time(self, t: Tensor, late: str) -> Tensor:
        """Return a boolean per row: whether the row is after the last observed row."""
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
        """Forecast the next readings, in original units.

        Args:
            steps: Number of steps, at most :attr:`horizon`, which is the default.
            frame: A table or graph as for :meth:`observe`. If given, a forecast is computed from
                every window of :attr:`history` rows in it, and the observed rows are neither read
                nor changed. No window crosses the border of two recordings.
            gaps: Handling of missing rows in ``frame``, see :meth:`observe`; with ``"split"`` no
                window crosses a gap.
            time_unit: Unit of numeric times; by default the time unit of the graph.

        Returns:
            One row per step and one column per sensor, or per pair of sensor and target channel if
            there are several channels; the index contains the times of the steps in the format of
            the source. The times start ``delay`` steps later for a task with a delay. With
            ``frame``, the index contains pairs ``(made_at, time)``: the time of the last row of
            the window, and the time of the step.

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
        """Compute forecasts from every window of a table."""
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
        """Return times ``[B, T]`` and forecasts ``[B, T, N, C']`` for windows ``[B, T', N, C]``."""
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
        """The schema restricted to the target channels."""
        channels = self.schema.channels
        return replace(
            self.schema, channels=tuple(channels[c] for c in self._input.target_channels)
        )
