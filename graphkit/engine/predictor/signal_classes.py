"""Base class of the predictors of signal classes: reading and preparation of tables, classes."""

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
    """Base class of :class:`WindowPredictor` and :class:`RecordingPredictor`."""

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
        """Sensors, channels and time unit of the tables."""
        return self._reader.schema

    def _logits(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return logits ``[B, C]`` of unscaled windows or recordings ``[B, T, N, C]``."""
        x, mask = self._input.prepare(x, mask)
        given = None if mask is None else mask.to(self.device)
        return self.model(*model_inputs(self.model, x.to(self.device), None, given)).cpu()

    def _starts(self, table: Any, graph: TemporalGraph, rows: Tensor) -> Any:
        """Return the times of rows in the format of the source, or row numbers without times."""
        if not self._reader.timed(table):
            return rows.numpy()
        return self.schema.clock.write(np.asarray(graph.signal_t[rows]))
