"""Checks predictors of static graphs against ``evaluate``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from graphkit.data import TemporalGraph
from graphkit.data.labels import Labels
from graphkit.tasks.answer import Answer
from graphkit.testing.predictor.elsewhere import Elsewhere
from graphkit.testing.predictor.reference import assert_equal, assert_metrics, reference

__all__ = ["check_static"]


def check_static(
    model: nn.Module,
    task: Any,
    opened: Elsewhere,
    *,
    batch_size: int,
    seed: int,
    tolerance: float,
) -> None:
    """Pass the whole graph again, with reordered nodes and features and without test labels.

    The predictor returns probabilities instead of logits; these, and the metrics of their
    logarithms, are compared.
    """
    metrics, expected = reference(model, task, batch_size)
    graph, test = task.graph, task.split.test
    table = opened.call("predict", _in_another_order(graph, test, seed))
    rows = table.loc[Labels.of(graph).labels(test)]
    classes = expected.prediction.shape[1]
    probability = torch.tensor(rows.iloc[:, 1 : 1 + classes].to_numpy(dtype=np.float64))
    assert_equal(probability, expected.prediction.double().softmax(1), "probabilities", tolerance)
    answer = Answer(probability.log(), expected.target)
    assert_metrics(task, answer, metrics, "probabilities", tolerance)
    names = graph.class_names.get("y", range(classes))
    best = [names[c] for c in probability.argmax(1).tolist()]
    assert rows["class"].tolist() == best, "the class is not the most likely one"


def _in_another_order(graph: TemporalGraph, test: torch.Tensor, seed: int) -> TemporalGraph:
    """A graph with the same nodes and edges by label."""
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(graph.num_nodes, generator=draw)  # new number -> old number
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    y = graph.y.clone()
    y[test] = -1
    x, named = graph.x[order], {}
    if "x" in graph.column_names:
        columns = torch.randperm(x.shape[1], generator=draw)
        x, names = x[:, columns], graph.column_names["x"]
        named = {"x": [names[c] for c in columns.tolist()]}
    labels = np.empty(len(order), dtype=object)
    labels[:] = Labels.of(graph).labels(order)
    return TemporalGraph(
        place[graph.src],
        place[graph.dst],
        graph.t,
        edge_weight=graph.edge_weight,
        x=x,
        y=y[order],
        num_nodes=len(order),
        node_names=labels,
        column_names=named,
        sort=True,
    )
