"""Predictor of node classes in static graphs."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data import TemporalGraph
from graphkit.data.labels import Labels
from graphkit.engine.predictor.class_table import class_table
from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.ranked import as_list
from graphkit.errors import GraphError
from graphkit.tasks.static_input import StaticInput

__all__ = ["StaticPredictor"]


class StaticPredictor(Predictor):
    """Predictor of :class:`~graphkit.NodeClassification`: the classes of the nodes of a graph.

    Graphs may have any nodes and edges; their nodes must have the features of training, which are
    matched by name if both graphs name them, otherwise by position. Features are normalised as in
    training.
    """

    kind: ClassVar[str] = "static"
    tasks: ClassVar[tuple[str, ...]] = ("node_classification",)

    def _adopt(self, task: Any, before: str | None) -> None:
        self._input: StaticInput = copy.deepcopy(task.input)
        self._classes = task.graph.class_names.get("y")

    def _facts(self) -> dict[str, Any]:
        classes = None if self._classes is None else list(self._classes)
        return {"input": self._input.settings(), "classes": classes}

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self._input, self._classes = StaticInput(**facts["input"]), facts["classes"]

    @torch.no_grad()
    def predict(self, graph: Any = None) -> pd.DataFrame:
        """Predict the classes of all nodes of a graph.

        Args:
            graph: A :class:`~graphkit.TemporalGraph`, whose events are used as edges, or a PyG
                ``Data`` with ``x``, ``edge_index`` and, if edges had weights in training,
                ``edge_weight``. Targets ``y`` are not read. The training graph is not stored: pass
                it again to classify its own nodes.

        Returns:
            One row per node, indexed by label: ``"class"``, and one column per class with its
            probability. Classes are named if they had names in training, otherwise numbered.

        Raises:
            GraphError: No graph is given, features or weights differ from training, or a logit is
                NaN.
        """
        graph = _graph(graph)
        logits = self.model(*self._prepared(graph)).cpu()
        labels = Labels.of(graph).labels(range(graph.num_nodes))
        index = pd.Index(labels, tupleize_cols=False)
        return class_table(logits, self._classes, index=index)

    @torch.no_grad()
    def embed(self, graph: Any = None, nodes: Any = None) -> pd.DataFrame:
        """Return the embeddings of nodes before the classification layer.

        Args:
            graph: As for :meth:`predict`.
            nodes: Labels of the nodes; by default all nodes.

        Returns:
            One row per label, in the given order.

        Raises:
            GraphError: The model has no method ``embed``, a node is unknown, or as for
                :meth:`predict`.
        """
        embed = getattr(self.model, "embed", None)
        if embed is None:
            raise GraphError("model", f"{self.model_name} has no representations of nodes")
        graph = _graph(graph)
        labels = Labels.of(graph)
        ids = torch.arange(graph.num_nodes)
        if nodes is not None:
            ids = torch.from_numpy(labels.ids(as_list(nodes), "nodes"))
        values = embed(*self._prepared(graph)).cpu()[ids]
        return pd.DataFrame(
            values.float().numpy(), index=pd.Index(labels.labels(ids), tupleize_cols=False)
        )

    def _prepared(self, graph: TemporalGraph) -> list[Tensor]:
        """Return the input tensors of the model."""
        return self._input(graph, self.device).inputs(self.model)


def _graph(graph: Any) -> TemporalGraph:
    """Convert the argument to a :class:`~graphkit.TemporalGraph`."""
    if isinstance(graph, TemporalGraph):
        return graph
    if type(graph) is not Data:
        raise GraphError(
            "graph",
            "there is no graph to look at" if graph is None else "not a graph",
            expected="a TemporalGraph or a torch_geometric Data",
            got=None if graph is None else type(graph).__name__,
            fix="predict(graph): one table cannot hold nodes and edges.",
        )
    found = graph.to_dict()
    columns = {name: found.get(name) for name in ("x", "edge_index", "edge_weight")}
    lost = next((name for name in ("x", "edge_index") if columns[name] is None), None)
    if lost is not None:
        raise GraphError(lost, "the graph has none", fix=f"Data({lost}=...).")
    return TemporalGraph.from_pyg(Data(**columns, num_nodes=graph.num_nodes))
