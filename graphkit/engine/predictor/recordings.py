"""A classifier of whole recordings of a signal, used on others."""

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
        """The classes of some recordings, each of its own length.

        Args:
            table: A DataFrame, which is one recording: one row per time, one column per sensor (or
                per pair of sensor and channel) by label in any order, NaN where a reading is
                missing; times in the index or in the column that held them in training, or none.
                Or a :class:`~graphkit.TemporalGraph` with a signal, in recordings or in one.
            time_unit: Unit of times that are numbers; by default that of the graph.

        Returns:
            One row per recording: ``"recording"``, its number in the graph (0 for a table);
            ``"start"``, the time of its first row, or 0 in a table without times; ``"class"``; and
            one column per class with its probability.

        Raises:
            GraphError: A sensor or channel is missing or not known; readings are not numbers; rows
                are of another rate than in training, or are missing though none was in training; or
                a logit is NaN.
        """
        graph = self._reader.recordings(table, time_unit)
        self._reader.mask(graph)  # a model of recordings is always told
        recordings = WholeRecordings(graph)
        numbers = torch.arange(len(recordings))
        found = torch.cat([self._logits(*recordings[i]) for i in numbers.split(self.batch_size)])
        first = recordings.lengths.cumsum(0) - recordings.lengths
        keys = {
            "recording": recordings.recording.numpy(),
            "start": self._starts(table, graph, first),
        }
        return class_table(found, self._classes, keys=keys)
