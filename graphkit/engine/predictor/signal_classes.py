"""What the predictors of classes of a signal share: its tables, their preparation, the classes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.data.signal_schema import SignalSchema
from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.pretrained import restore_state
from graphkit.engine.predictor.signal_reader import SignalReader
from graphkit.nn.inputs.number_types import model_inputs
from graphkit.tasks.window_input import WindowInput

__all__ = ["SignalClassPredictor"]


class SignalClassPredictor(Predictor):
    """What :class:`WindowPredictor` and :class:`RecordingPredictor` share."""

    def _adopt(self, task: Any, before: str | None) -> None:
        self._reader = SignalReader.of(task.graph)
        self._input: WindowInput = copy.deepcopy(task.input).cpu()
        self._classes = task.class_names

    def _facts(self) -> dict[str, Any]:
        return {
            "reader": self._reader.to_json(),
            "input": self._input.settings(),
            "classes": None if self._classes is None else list(self._classes),
        }

    def _tensors(self) -> dict[str, Tensor]:
        return self._input.state_dict()

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self._reader = SignalReader.from_json(facts["reader"])
        self._input = restore_state(WindowInput(**facts["input"]), tensors, [])
        self._classes = facts["classes"]

    @property
    def schema(self) -> SignalSchema:
        """Sensors, channels and clock of its tables."""
        return self._reader.schema

    def _logits(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """``[B, C]``, of windows or recordings as they were read ``[B, T, N, C]``."""
        x, mask = self._input.prepare(x, mask)
        given = None if mask is None else mask.to(self.device)
        return self.model(*model_inputs(self.model, x.to(self.device), None, given)).cpu()

    def _starts(self, table: Any, graph: TemporalGraph, rows: Tensor) -> Any:
        """The times of some rows as the source has them; their numbers if it has no times."""
        if not self._reader.timed(table):
            return rows.numpy()
        return self.schema.clock.write(np.asarray(graph.signal_t[rows]))
