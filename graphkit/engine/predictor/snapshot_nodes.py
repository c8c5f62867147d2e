"""A classifier of the nodes of a step, used on the steps that come after training."""

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
    """Predictor of :class:`~graphkit.SnapshotNodeClassification`: of which class a node is.

    Nodes are classified from what they are like after the last closed step: :meth:`observe` the
    edges of a step, :meth:`close` it, then :meth:`predict`. See :class:`StepPredictor` for steps.
    """

    kind: ClassVar[str] = "snapshot_nodes"
    tasks: ClassVar[tuple[str, ...]] = ("snapshot_node_classification",)

    class_names: list[Any]
    """Names of the classes, in the order of their numbers."""

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
        """Classes of nodes after the last closed step. Training is about nodes that have an edge in
        a step; answers about others are guesses.

        Args:
            nodes: Labels; all nodes by default.
            side: In a graph whose sources and destinations have separate labels, which of them
                ``nodes`` are: ``"src"`` or ``"dst"``.

        Returns:
            One row per label, in the order given, the labels in the index: ``class`` by name, and a
            column for each class with its probability.

        Raises:
            GraphError: A node is not known.
        """
        ids = self._node_ids(nodes, side)
        logits = torch.empty(0, len(self.class_names))
        if len(ids):
            window = self._state.steps.window()
            logits = self.model.logits(window, ids.to(self.device)).float().cpu()
        index = pd.Index(self._state.labels.labels(ids), tupleize_cols=False)
        return class_table(logits, self.class_names, index=index)
