"""Saved, opened and fed by name, a predictor of snapshots answers as ``evaluate`` does."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

import graphkit
from graphkit import registry
from graphkit.testing.predictor import check_predictor
from tests.engine.predictor.payments import TIMES, graph, model_of, task_of

CASES = [
    (entry.name, task)
    for entry in registry.entries("model", view="snapshot")
    for task in entry.facts["tasks"]
]


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize(("model", "task"), CASES)
def test_every_model_and_task(model: str, task: str, times: str) -> None:
    made = task_of(task, **TIMES[times])
    check_predictor(model_of(model, made), made, separate_process=False)


SETTINGS = {
    "degree": {"max_degree": 2, "adj_window": 3},
    "activity": {"features": "activity", "half_lives": (0, 2), "symmetric": False},
    "reputation": {"features": "reputation", "half_lives": (0, 2)},
    "x": {"features": "x", "flow": "target_to_source", "symmetric": False},
    "skip_empty": {"skip_empty": True, "features": "activity", "first": 14},
    "count": {"count": 11, "every": None},
    "origin": {"origin": -5},
    "midnight": {"origin": "midnight"},
    "at": {"every": None, "at": [*range(0, 336, 24), 350, 384]},
}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(
    "task", ["snapshot_link_prediction", "edge_classification", "snapshot_node_classification"]
)
def test_every_setting_of_the_timeline(task: str, settings: str, times: str) -> None:
    made = task_of(task, **TIMES[times] | SETTINGS[settings])
    check_predictor(model_of("gcn_gru", made), made, separate_process=False)


@pytest.mark.parametrize("times", TIMES)
def test_ranked_among_drawn_destinations(times: str) -> None:
    made = task_of("snapshot_link_prediction", sampled=4, **TIMES[times])
    check_predictor(model_of("evolvegcn_h", made, pair_history=2), made, separate_process=False)


@pytest.mark.parametrize("task", ["edge_classification", "snapshot_node_classification"])
@pytest.mark.parametrize("times", TIMES)
def test_features_that_change(task: str, times: str) -> None:
    data = graph()
    draw = torch.Generator().manual_seed(0)
    t = torch.randint(16 * 24, (60,), generator=draw).sort().values
    events = {"node": torch.randint(14, (60,), generator=draw), "t": t}
    data = graphkit.TemporalGraph(
        data.src,
        data.dst,
        data.t,
        edge_y=data.edge_y,
        y=data.y,
        node_events=events | {"x": torch.rand(60, 3, generator=draw)},
        node_names=data.node_names,
        time_unit="h",
    )
    made = task_of(task, data, features="x", **TIMES[times])
    check_predictor(model_of("gcn_gru", made), made, separate_process=False)


@pytest.mark.parametrize("edge_weight", [None, False])
@pytest.mark.parametrize(
    "task", ["snapshot_link_prediction", "edge_classification", "snapshot_node_classification"]
)
@pytest.mark.parametrize("times", TIMES)
def test_weights(task: str, times: str, edge_weight: bool | None) -> None:
    data = graph()
    data = graphkit.TemporalGraph(
        data.src,
        data.dst,
        data.t,
        edge_y=data.edge_y,
        edge_weight=torch.rand(len(data), generator=torch.Generator().manual_seed(0)) * 9,
        y=data.y,
        node_names=data.node_names,
        time_unit="h",
    )
    made = task_of(task, data, edge_weight=edge_weight, adj_window=2, **TIMES[times])
    assert made.timeline.weighted == (edge_weight is None)
    check_predictor(model_of("gcn_gru", made), made, separate_process=False)


def test_two_id_spaces_a_float_clock_and_dates() -> None:
    data = graph()
    apart = graphkit.TemporalGraph(
        data.src,
        data.dst + 14,
        data.t.double() / 24,
        edge_y=data.edge_y,
        node_space=[False] * 14 + [True] * 14,
        node_names=[f"u{i}" for i in range(14)] + list(range(14)),
        time_unit="d",
    )
    for name in ("edge_classification", "snapshot_link_prediction"):
        made = task_of(name, apart, count=12, history=1)
        with pytest.raises(graphkit.GraphError, match="no labels in a graph with two id spaces"):
            check_predictor(model_of("gcn_gru", made), made, separate_process=False)
    made = task_of("edge_classification", apart, count=12, history=1, symmetric=False)
    check_predictor(model_of("gcn_gru", made), made, separate_process=False)
    table = data.to_pandas(source_names=True)
    table["hour"] = pd.to_datetime(table["hour"], unit="h")
    dated = graphkit.TemporalGraph.from_pandas(table, "payer", "payee", "hour", edge_y="kind")
    made = task_of("edge_classification", dated, **TIMES["carry"])
    check_predictor(model_of("evolvegcn_h", made), made, separate_process=False)


@pytest.mark.parametrize("task", ["snapshot_link_prediction", "snapshot_node_classification"])
def test_in_a_fresh_process(task: str) -> None:
    made = task_of(task, features="x", **TIMES["carry"])
    check_predictor(model_of("gcn_gru", made), made)


def test_a_difference_is_found() -> None:
    made = task_of("edge_classification", features="reputation", **TIMES["carry"])
    model = model_of("gcn_gru", made)
    model.observe = lambda snapshot: None  # what evaluate sees and a copy of the class does not
    with pytest.raises(AssertionError, match="probabilities of classes"):
        check_predictor(model, made, separate_process=False)
