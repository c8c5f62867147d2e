"""What snapshot tasks take of a graph: weights, borders, and what they name when they do not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import graphkit
from graphkit import (
    EdgeClassification,
    Predictor,
    SnapshotLinkPrediction,
    SnapshotNodeClassification,
    TemporalGraph,
    registry,
)
from graphkit.engine.unused_columns import unused_columns
from graphkit.errors import GraphError, GraphWarning
from graphkit.tasks.snapshot_timeline import Timeline
from graphkit.tasks.step_borders import GivenBorders, borders_from

N, STEPS = 20, 30


def stream(weight: Any = "told", **more: Any) -> TemporalGraph:
    """Nodes of class 1 have heavy edges; edges themselves are drawn alike."""
    draw = np.random.default_rng(0)
    y = np.arange(N) % 2
    src = draw.integers(0, N, 1500)
    dst = (src + 2 * draw.integers(1, N // 2, 1500)) % N  # of the same class
    t = np.sort(draw.integers(0, STEPS * 10, 1500))
    if isinstance(weight, str):
        weight = np.where(y[src] == 1, 5.0, 1.0) * draw.uniform(0.9, 1.1, 1500)
    given = {"y": y, "num_nodes": N, "time_unit": "s", "edge_weight": weight, **more}
    return TemporalGraph(src, dst, t, **given)


def test_weights_of_a_step_against_dictionaries() -> None:
    graph = stream()
    for weighted in (None, True, False):
        line = Timeline(graph, every=10, history=1, edge_weight=weighted, symmetric=True)
        assert line.weighted == (weighted is not False)
        for number, step in enumerate(line.cut):
            want: dict[tuple[int, int], float] = {}
            for u, v, t, w in zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist(),
                                  graph.edge_weight.tolist()):  # fmt: skip
                if number * 10 + graph.t_min <= t < (number + 1) * 10 + graph.t_min:
                    for pair in ((u, v), (v, u)):
                        want[pair] = want.get(pair, 0.0) + (w if line.weighted else 1.0)
            found = dict(zip(map(tuple, step.edge_index.t().tolist()), step.edge_weight.tolist()))
            assert found.keys() == want.keys()
            for pair, total in want.items():
                assert found[pair] == pytest.approx(total, rel=1e-5)
        assert line.describe()["edge_weight"].startswith("sum" if line.weighted else "number")
    assert "edge_weight" not in Timeline(stream(None), every=10, history=1).describe()


def heavier(steps: int = 24, nodes: int = 40) -> TemporalGraph:
    """In each step every node links to hubs 0 and 1; its class is the hub of its heavier edge."""
    draw = np.random.default_rng(0)
    y = np.concatenate([[-1, -1], draw.integers(0, 2, nodes)])
    src, dst = np.repeat(np.arange(2, nodes + 2), 2), np.tile([0, 1], nodes)
    weight = np.tile(np.where(dst == y[src], 4, 0.25), steps)
    return TemporalGraph(
        np.tile(src, steps),
        np.tile(dst, steps),
        np.repeat(np.arange(steps), len(src)),
        edge_weight=weight * draw.uniform(0.9, 1.1, len(weight)),
        edge_y=np.tile(y[src], steps),
        x=np.eye(nodes + 2, 2, dtype=np.float32),  # tells the hubs apart, and no other nodes
        y=y,
        num_nodes=nodes + 2,
    )


@pytest.mark.parametrize("make", [SnapshotNodeClassification, EdgeClassification])
@pytest.mark.parametrize("name", ["gcn_snapshot", "gcn_gru", "evolvegcn_o"])
def test_a_class_told_by_weight_alone_is_learned(name: str, make: Any) -> None:
    graph, f1 = heavier(), {}
    for edge_weight in (None, False):
        graphkit.seed_everything(0)
        task = make(graph, every=1, history=1, features="x", edge_weight=edge_weight)
        model = registry.get("model", name).from_task(task, hidden_channels=8)
        result = graphkit.fit(model, task, epochs=15, lr=0.02, progress=False, device="cpu")
        f1[edge_weight] = result.metrics["test"]["f1_macro"]
    by_hand = [graph.edge_weight[2 * i :][:2].argmax().item() for i in range(graph.num_nodes - 2)]
    assert by_hand == graph.y[2:].tolist()
    assert f1[None] == 1.0
    assert f1[False] < 0.6


def test_negative_weights_are_counted_and_that_is_said() -> None:
    weight = np.ones(1500)
    weight[7] = -2
    graph = stream(weight)
    with pytest.warns(GraphWarning, match="weights are negative, so events are counted"):
        task = SnapshotLinkPrediction(graph, every=10, history=1)
    assert not task.timeline.weighted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counted = SnapshotLinkPrediction(graph, every=10, history=1, edge_weight=False)
    model = registry.get("model", "gcn_snapshot").from_task(task)
    assert unused_columns(model, task) == unused_columns(model, counted) == []  # said already
    for record in (task.protocol(), counted.protocol()):
        assert "number of events; weights are not read" in str(record)
    with pytest.raises(GraphError, match=r"'edge_weight', row 7: a weight is negative"):
        SnapshotLinkPrediction(graph, every=10, history=1, edge_weight=True)
    with pytest.raises(GraphError, match="need a weight each"):
        SnapshotLinkPrediction(stream(None), every=10, history=1, edge_weight=True)
    with pytest.raises(GraphError, match=r"'edge_weight': not a choice.*got 'edge_attr'"):
        SnapshotLinkPrediction(graph, every=10, history=1, edge_weight="edge_attr")


CUTS = [
    {"at": list(range(0, STEPS * 10 + 1, 10))},
    {"every": 10, "origin": 0},
    {"every": "10s", "origin": "epoch"},
]


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_borders_of_tasks_are_those_of_snapshots(cut: dict[str, Any]) -> None:
    graph = stream()
    for make in (SnapshotLinkPrediction, SnapshotNodeClassification):
        line = make(graph, history=1, **cut).timeline
        view = graph.snapshots(**cut)
        assert len(line) == len(view)
        assert [int(s.edge_weight.numel()) for s in line.cut] == [
            int(s.edge_index.shape[1]) for s in Timeline(graph, history=1, **cut).cut
        ]
        borders = line.input.borders
        assert borders.at(0, len(view)).tolist() == [*view.start.tolist(), view.end[-1]]


def test_months_of_a_zone_in_a_task_and_its_predictor(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    start = pd.Timestamp("2022-01-15", tz="Europe/Berlin")
    dates = start + pd.to_timedelta(np.sort(draw.integers(0, 700 * 86_400, 900)), "s")
    table = pd.DataFrame({"a": draw.integers(0, 9, 900), "b": draw.integers(0, 9, 900),
                          "t": dates.as_unit("s")})  # fmt: skip
    graph = TemporalGraph.from_pandas(table, "a", "b", "t")
    task = SnapshotLinkPrediction(graph, every="1 month", history=1)
    months = table.t.dt.tz_localize(None).dt.to_period("M")
    assert len(task.timeline) == months.nunique()
    sizes = [len({*zip(g.a, g.b), *zip(g.b, g.a)}) for _, g in table.groupby(months)]
    assert [s.edge_index.shape[1] for s in task.timeline.cut] == sizes
    model = registry.get("model", "gcn_snapshot").from_task(task)
    predictor = Predictor.open(Predictor(model, task).save(tmp_path / "months"))
    last = months.max()
    after = (last + 1).start_time.tz_localize("Europe/Berlin")
    assert predictor.open_step.start == after
    assert predictor.open_step.end == (last + 2).start_time.tz_localize("Europe/Berlin")


def test_given_borders_end(tmp_path: Path) -> None:
    graph = stream()
    bounds = list(range(0, STEPS * 10 + 1, 10))
    task = SnapshotLinkPrediction(graph, at=bounds, history=1)
    assert borders_from(task.timeline.input.settings()["borders"]) == GivenBorders(tuple(bounds))
    model = registry.get("model", "gcn_snapshot").from_task(task)
    predictor = Predictor(model, task, until="val")
    later = pd.DataFrame({"src": [0], "dst": [2], "t": [STEPS * 10 + 5], "edge_weight": [1.0]})
    with pytest.raises(GraphError, match="no step follows the last given border"):
        predictor.observe(later)
    with pytest.warns(GraphWarning, match="events lie outside of the borders"):
        short = SnapshotLinkPrediction(graph, at=bounds[:-3], history=1)
    assert len(short.timeline) == STEPS - 3
    outside = sum(when >= bounds[-4] for when in graph.t.tolist())
    assert f"'events_outside': {outside}" in str(short.protocol())
    assert "events_outside" not in str(task.protocol())


def test_a_predictor_reads_the_weights_that_the_task_read(tmp_path: Path) -> None:
    graph = stream(edge_y=np.arange(1500) % 2)
    for make in (SnapshotLinkPrediction, EdgeClassification):
        task = make(graph, every=10, history=1)
        model = registry.get("model", "gcn_snapshot").from_task(task)
        predictor = Predictor.open(Predictor(model, task, until="val").save(tmp_path / make.name))
        later = pd.DataFrame({"src": [0, 2], "dst": [4, 6], "t": [STEPS * 10 + 1] * 2})
        with pytest.raises(GraphError, match="edge_weight"):
            predictor.observe(later)
        assert predictor.observe(later.assign(edge_weight=[1.0, 2.0])).events == 2


# -------------------------------------------------------------------- columns that nothing reads
def test_columns_that_nothing_reads_are_named_once_and_recorded() -> None:
    graph = stream(
        edge_attr=np.ones((1500, 1)), edge_type=np.zeros(1500, int), x=np.ones((N, 2)),
        node_type=np.zeros(N, int),
    )  # fmt: skip
    task = SnapshotLinkPrediction(graph, every=10, history=1)
    model = registry.get("model", "gcn_snapshot").from_task(task)
    with pytest.warns(GraphWarning) as told:
        result = graphkit.fit(model, task, epochs=1, progress=False, device="cpu")
    messages = [str(w.message) for w in told if "does not read" in str(w.message)]
    assert len(messages) == 1
    for name in ("edge_attr", "edge_type", "'x'", "node_type", "a weight is read from edge_weight"):
        assert name in messages[0]
    assert "'edge_weight'" not in messages[0].replace("from edge_weight", "")
    unused = ["edge_attr", "edge_type", "x", "node_type"]
    assert result.protocol["columns_not_read"] == unused
    with warnings.catch_warnings():
        warnings.simplefilter("error", GraphWarning)
        graphkit.fit(model, task, epochs=1, progress=False, device="cpu")


@pytest.mark.parametrize("name", ["nat", "tgn", "edgebank", "history"])
def test_stream_models_name_what_they_were_not_made_for(name: str) -> None:
    graph = stream(edge_attr=np.ones((1500, 3)), x=np.ones((N, 2)))
    task = graphkit.LinkPrediction(graph)
    model = registry.get("model", name).from_task(task)
    read = task.columns_read(model)
    if name == "edgebank":
        assert not read & {"edge_attr", "x"}
    else:
        assert "edge_attr" in read
    assert "edge_weight" not in read
    bare = registry.get("model", "nat").from_task(task, edge_dim=0, x=None)
    assert task.columns_read(bare) == set()
    with pytest.warns(GraphWarning, match="'edge_attr'.*'edge_weight'.*'x'"):
        graphkit.fit(bare, task, epochs=1, progress=False, device="cpu")


def test_nothing_is_named_where_all_is_read() -> None:
    graph = stream(None)
    task = graphkit.LinkPrediction(graph)
    model = registry.get("model", "edgebank").from_task(task)
    with warnings.catch_warnings():
        warnings.simplefilter("error", GraphWarning)
        result = graphkit.fit(model, task, epochs=1, progress=False, device="cpu")
    assert "columns_not_read" not in result.protocol
    assert torch.is_tensor(graph.y)  # labels are what other tasks predict, and are not named
