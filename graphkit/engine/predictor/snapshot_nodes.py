"""Predictor of node classes in the steps after training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor

from graphkit.engine.predictor.class_table import class_table
from graphkit.engine.predictor.steps import StepPredictor

__all__ = ["SnapshotNodePredictor"]


class SnapshotNodePredictor(StepPredictor):
    """Predictor of :class:`~graphkit.SnapshotNodeClassification`: the classes of nodes.

    Nodes are classified from their embeddings after the last closed step: call :meth:`observe` with
    the edges of a step, then :meth:`close`, then :meth:`predict`. See :class:`StepPredictor` for
    steps.
    """

    kind: ClassVar[str] = "snapshot_nodes"
    tasks: ClassVar[tuple[str, ...]] = ("snapshot_node_classification",)

    class_names: list[Any]
    """Names of the classes, ordered by class number."""

    def _adopt(self, task: Any, before: str | None) -> None:
        super()._adopt(task, before)
        names = task.graph.class_names.get("y", range(task.num_classes))
        self.class_names = list(names)[: task.num_classes]

    def _facts(self) -> dict[str, Any]:
        return {**super()._facts(), "classes": self.class_names}

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        super()._restore(facts, tensors)
        self.class_names = list(facts["classes"])

    @torch.no_grad()
    def predict(self, nodes: Any = None, *, side: str = "src") -> pd.DataFrame:
        """Predict the classes of nodes after the last closed step.

        Training uses only nodes that have an edge in a step; predictions for other nodes are
        unreliable.

        Args:
            nodes: Labels of the nodes; by default all nodes.
            side: Id space of ``nodes`` in a graph whose sources and destinations have separate
                labels: ``"src"`` or ``"dst"``.

        Returns:
            One row per label, in the given order, indexed by label: ``class`` by name, and one
            column per class with its probability.

        Raises:
            GraphError: A node is unknown.
        """
        ids = self._node_ids(nodes, side)
        logits = torch.empty(0, len(self.class_names))
        if len(ids):
            window = self._state.steps.window()
            logits = self.model.logits(window, ids.to(self.device)).float().cpu()
        index = pd.Index(self._state.labels.labels(ids), tupleize_cols=False)
        return class_table(logits, self.class_names, index=index)
