"""Columns that neither task nor model reads, for every task and model: named once, others never."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import graphkit
from graphkit import TemporalGraph, registry
from graphkit.data.recording_splits import RecordingSplit
from graphkit.engine.unused_columns import unused_columns
from graphkit.errors import GraphWarning
from graphkit.tasks.graph_task import GraphTask

N, E = 12, 300
ALL = {"edge_attr", "edge_weight", "edge_type", "x", "node_type", "node_events", "signal"}


def full_graph() -> TemporalGraph:
    """A graph that has every column, in six recordings of 40 rows."""
    draw = np.random.default_rng(0)
    return TemporalGraph(
        draw.integers(0, N, E),
        draw.integers(0, N, E),
        np.sort(draw.integers(0, 240, E)),
        edge_attr=draw.random((E, 1)),
        edge_weight=draw.random(E),
        edge_type=draw.integers(0, 2, E),
        edge_y=draw.integers(0, 2, E),
        x=draw.random((N, 3)),
        y=np.arange(N) % 2,
        node_type=np.zeros(N, int),
        node_events={"node": [0, 1], "t": [0, 0], "x": np.ones((2, 3))},
        signal=draw.random((240, N, 1)),
        signal_recording=np.arange(6).repeat(40),
        recordings={"y": [0, 1] * 3, "split": ["train"] * 2 + ["val"] * 2 + ["test"] * 2},
        num_nodes=N,
        time_unit="h",
    )


WINDOWS = {"history": 32, "split": RecordingSplit("number", [2], [3])}
NODES = {"split": (torch.arange(6), torch.arange(6, 9), torch.arange(9, 12))}
STEPS = {"every": 10, "history": 1}
# task, arguments, model, columns that are read
CASES: list[tuple[str, dict[str, Any], str, set[str]]] = [
    ("link_prediction", {}, "nat", {"edge_attr", "x"}),
    ("link_prediction", {}, "edgebank", set()),
    ("node_classification", NODES, "gcn", {"x", "node_events", "edge_weight"}),
    ("node_classification", NODES, "mlp", {"x", "node_events"}),
    ("snapshot_link_prediction", STEPS, "gcn_gru", {"edge_weight"}),
    ("snapshot_link_prediction", STEPS, "met_before", set()),
    ("edge_classification", STEPS | {"features": "x"}, "gcn_gru",
     {"edge_weight", "x", "node_events"}),
    ("snapshot_node_classification", STEPS | {"edge_weight": False}, "gcn_gru", {"edge_weight"}),
    ("forecast", {"history": 8, "horizon": 2}, "gwnet", {"signal", "edge_weight"}),
    ("forecast", {"history": 8, "horizon": 2}, "gru", {"signal"}),
    ("forecast", {"history": 8, "horizon": 2}, "linear", {"signal"}),
    ("forecast", {"history": 8, "horizon": 2}, "last_value", {"signal"}),
    ("forecast", {"history": 8, "horizon": 2, "edges": "correlation", "num_neighbors": 2}, "gwnet",
     {"signal", "edge_weight"}),
    ("window_classification", WINDOWS, "eegnet", {"signal"}),
    ("window_classification", WINDOWS, "own", {"signal"}),
    ("recording_classification", {}, "own", {"signal"}),
    ("forecast", {"history": 8, "horizon": 2}, "own", {"signal", "edge_weight"}),
    ("node_classification", NODES, "own", {"x", "node_events", "edge_weight"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "model", "read"), CASES)
def test_what_is_read(name: str, options: dict[str, Any], model: str, read: set[str]) -> None:
    task = registry.get("task", name)(full_graph(), **options)
    made = torch.nn.Identity()  # any model of the user's own
    if model != "own":
        made = registry.get("model", model).from_task(task)
    assert set(unused_columns(made, task)) == ALL - read


def test_every_task_declares_its_columns() -> None:
    for entry in registry.entries("task"):
        task = registry.get("task", entry.name)
        assert task.columns_read is not GraphTask.columns_read, entry.name


@pytest.mark.parametrize("column", ["x", "node_events", "edge_weight"])
def test_columns_that_are_read_change_the_input(column: str) -> None:
    """The other way round: a column that counts as read reaches the model."""
    graph = full_graph()
    columns = {name: getattr(graph, name) for name in ("x", "y", "edge_weight", "node_events")}
    made = []
    for scale in (1, 2):
        changed = dict(columns)
        if column == "node_events":
            changed[column] = {"node": [0, 1], "t": [0, 0], "x": scale * np.ones((2, 3))}
        else:
            changed[column] = scale * columns[column]
        moved = TemporalGraph(graph.src, graph.dst, graph.t, num_nodes=N, **changed)
        task = graphkit.NodeClassification(moved, **NODES)
        made.append(task.input(moved).inputs(torch.nn.Linear(1, 1)))
    assert any(not torch.equal(a, b) for a, b in zip(*made))


def test_evaluate_names_them_too_and_only_once() -> None:
    task = graphkit.SnapshotLinkPrediction(full_graph(), **STEPS)
    model = registry.get("model", "met_before").from_task(task)
    with pytest.warns(GraphWarning, match="^met_before in SnapshotLinkPrediction does not read"):
        graphkit.evaluate(model, task, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error", GraphWarning)
        result = graphkit.fit(model, task, epochs=1, progress=False, device="cpu")
    assert set(result.protocol["columns_not_read"]) == ALL
