"""Predictor of the classes of whole signal recordings."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
import torch

from graphkit.data.whole_recordings import WholeRecordings
from graphkit.engine.predictor.class_table import class_table
from graphkit.engine.predictor.signal_classes import SignalClassPredictor

__all__ = ["RecordingPredictor"]


class RecordingPredictor(SignalClassPredictor):
    """Predictor of :class:`~graphkit.RecordingClassification`: the classes of whole recordings."""

    kind: ClassVar[str] = "recordings"
    tasks: ClassVar[tuple[str, ...]] = ("recording_classification",)

    @torch.no_grad()
    def predict(self, table: Any, *, time_unit: str | None = None) -> pd.DataFrame:
        """Predict the classes of recordings, which may have different lengths.

        Args:
            table: A DataFrame with one recording, which has one row per time and one column per
                sensor (or per pair of sensor and channel), named by label, in any order, with NaN
                for missing readings; times are in the index or in the column that contained them in
                training, or absent. Or a :class:`~graphkit.TemporalGraph` whose signal has one or
                several recordings.
            time_unit: Unit of numeric times; by default the time unit of the graph.

        Returns:
            One row per recording: ``"recording"``, its number in the graph (0 for a table);
            ``"start"``, the time of its first row, or 0 for a table without times; ``"class"``; and
            one column per class with its probability.

        Raises:
            GraphError: A sensor or channel is missing or unknown; readings are not numbers; the
                sampling rate differs from training; rows are missing although none were missing
                in training; or a logit is NaN.
        """
        graph = self._reader.recordings(table, time_unit)
        self._reader.mask(graph)  # recording models always receive the mask
        recordings = WholeRecordings(graph)
        numbers = torch.arange(len(recordings))
        found = torch.cat([self._logits(*recordings[i]) for i in numbers.split(self.batch_size)])
        first = recordings.lengths.cumsum(0) - recordings.lengths
        keys = {
            "recording": recordings.recording.numpy(),
            "start": self._starts(table, graph, first),
        }
        return class_table(found, self._classes, keys=keys)
