"""Predictor of the classes of signal windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor

from graphkit.data.windows import name_short_recordings
from graphkit.engine.predictor.class_table import class_table
from graphkit.engine.predictor.signal_classes import SignalClassPredictor
from graphkit.tasks.vote import vote as vote_of

__all__ = ["WindowPredictor"]


class WindowPredictor(SignalClassPredictor):
    """Predictor of :class:`~graphkit.WindowClassification`: the classes of windows of recordings.

    Windows have the length of training and the stride of validation and test, starting at the first
    row of each recording. They are scaled as in training. With a separate scale for each recording
    (``scale_per="recording"``), a new recording has no scale and is refused.
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
        """Number of rows of a window."""
        return self._input.history

    @property
    def stride(self) -> int:
        """Number of rows between the starts of consecutive windows."""
        return self._stride

    @torch.no_grad()
    def predict(
        self, table: Any, vote: bool = False, *, time_unit: str | None = None
    ) -> pd.DataFrame:
        """Predict the classes of all windows of recordings.

        Args:
            table: A DataFrame with one recording, which has one row per time and one column per
                sensor (or per pair of sensor and channel), named by label, in any order, with NaN
                for missing readings; times are in the index or in the column that contained them in
                training, or absent. Or a :class:`~graphkit.TemporalGraph` whose signal has one or
                several recordings.
            vote: Whether to classify recordings by the mean log probability of their windows.
            time_unit: Unit of numeric times; by default the time unit of the graph.

        Returns:
            One row per window: ``"recording"``, its number in the graph (0 for a table);
            ``"start"``, the time of its first row, or the row number for a table without times;
            ``"class"``; and one column per class with its probability. With ``vote``, one row per
            recording, whose ``"start"`` is that of its first window. A recording that is shorter
            than a window has no row, and a warning names it.

        Raises:
            GraphError: All recordings are shorter than a window; a sensor or channel is missing or
                unknown; readings are not numbers; the sampling rate differs from training; rows are
                missing although none were missing in training; a logit is NaN; or the scale of a
                recording is unknown.
        """
        graph = self._reader.recordings(table, time_unit)
        windows = graph.windows(self.history, 0, self._stride, gaps=self._gaps)
        name_short_recordings(windows)
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
