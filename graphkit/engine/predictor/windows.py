"""A classifier of windows of a signal, used on other recordings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.data.recordings import recording_bounds
from graphkit.engine.predictor.class_table import class_table
from graphkit.engine.predictor.signal_classes import SignalClassPredictor
from graphkit.tasks.vote import vote as vote_of

__all__ = ["WindowPredictor"]


class WindowPredictor(SignalClassPredictor):
    """Predictor of :class:`~graphkit.WindowClassification`: the classes of windows of recordings.

    Windows are as long as in training and start at the distance of validation and test, from the
    first row of each recording on. They are scaled as in training. With a scaler that has a scale
    for each recording (``scale_per="recording"``) there is none for a new recording, which is
    refused.
    """

    kind: ClassVar[str] = "windows"
    tasks: ClassVar[tuple[str, ...]] = ("window_classification",)

    def _adopt(self, task: Any, before: str | None) -> None:
        super()._adopt(task, before)
        self._stride, self._gaps = task.eval_windows.stride, task.gaps

    def _facts(self) -> dict[str, Any]:
        return {**super()._facts(), "stride": self._stride, "gaps": self._gaps}

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        super()._restore(facts, tensors)
        self._stride, self._gaps = facts["stride"], facts["gaps"]

    @property
    def history(self) -> int:
        """Rows of a window."""
        return self._input.history

    @property
    def stride(self) -> int:
        """Rows between the starts of two windows."""
        return self._stride

    @torch.no_grad()
    def predict(
        self, table: Any, vote: bool = False, *, time_unit: str | None = None
    ) -> pd.DataFrame:
        """The classes of all windows of some recordings.

        Args:
            table: A DataFrame, which is one recording: one row per time, one column per sensor (or
                per pair of sensor and channel) by label in any order, NaN where a reading is
                missing; times in the index or in the column that held them in training, or none.
                Or a :class:`~graphkit.TemporalGraph` with a signal, in recordings or in one.
            vote: Classify recordings by the mean log probability of their windows.
            time_unit: Unit of times that are numbers; by default that of the graph.

        Returns:
            One row per window: ``"recording"``, its number in the graph (0 for a table);
            ``"start"``, the time of the first row, or its number in a table without times;
            ``"class"``; and one column per class with its probability. With ``vote`` one row per
            recording, which starts with its first window. A recording that is shorter than a window
            has no row, and a warning names it.

        Raises:
            GraphError: All recordings are shorter than a window; a sensor or channel is missing or
                not known; readings are not numbers; rows are of another rate than in training, or
                are missing though none was in training; a logit is NaN; or the scale of a recording
                is not known.
        """
        graph = self._reader.recordings(table, time_unit)
        windows = graph.windows(self.history, 0, self._stride, gaps=self._gaps)
        self._name_short(graph)
        masked, logits = self._reader.mask(graph), []
        for w in windows.batches(self.batch_size):
            logits.append(self._logits(w.x, w.x_mask if masked else None))
        found, recording, start = torch.cat(logits), windows.recording, windows.start
        if vote:
            number, found, row = vote_of(found, recording)
            first = torch.full_like(number, len(recording))
            first.scatter_reduce_(0, row, torch.arange(len(recording)), "amin")
            recording, start = number, start[first]
        keys = {"recording": recording.numpy(), "start": self._starts(table, graph, start)}
        return class_table(found, self._classes, keys=keys)

    def _name_short(self, graph: TemporalGraph) -> None:
        """Warn of recordings that have no window."""
        recording, bounds = recording_bounds(graph.signal_recording, graph.signal.shape[0])
        short = recording[bounds.diff() < self.history].tolist()
        if short:
            more = ", ..." if len(short) > 5 else ""
            warnings.warn(
                f"{len(short)} of {len(recording)} recordings are shorter than a window of "
                f"{self.history} rows and are left out: {', '.join(map(str, short[:5]))}{more}",
                stacklevel=3,
            )
