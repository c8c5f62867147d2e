"""Every registered model, through fit: float32, float64, bf16-mixed, and float64 data as NumPy has.

The default suite runs one task per model; all tasks and longer data run nightly.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphkit import Predictor, TemporalGraph, registry
from graphkit.data.recording_splits import RecordingSplit
from graphkit.engine import evaluate, fit
from graphkit.nn.inputs.number_types import model_dtype
from graphkit.tasks import (
    EdgeClassification,
    Forecast,
    LinkPrediction,
    NodeClassification,
    RecordingClassification,
    SnapshotLinkPrediction,
    SnapshotNodeClassification,
    WindowClassification,
)

EMOTIV = ["AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4"]


def events(seed: int = 0, num_events: int = 160, num_nodes: int = 20) -> dict:
    draw = np.random.default_rng(seed)
    src, dst = draw.integers(num_nodes, size=(2, num_events))
    t = np.sort(draw.integers(200, size=num_events))
    t[0], t[-1] = 0, 199
    return {"src": src, "dst": dst, "t": t, "num_nodes": num_nodes}


def readings(steps: int, nodes: int, dtype: type, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    wave = np.sin(np.arange(steps)[:, None] * 2 * np.pi / 24 + np.arange(nodes))
    return (50 + 5 * wave + 0.3 * draw.standard_normal((steps, nodes))).astype(dtype)[..., None]


def link_prediction(dtype: type) -> LinkPrediction:
    draw, columns = np.random.default_rng(1), events()
    graph = TemporalGraph(
        **columns,
        edge_attr=draw.standard_normal((160, 3)).astype(dtype),
        x=draw.standard_normal((20, 2)).astype(dtype),
    )
    return LinkPrediction(graph)


def _snapshot_graph(dtype: type) -> TemporalGraph:
    draw, columns = np.random.default_rng(2), events()
    x = draw.standard_normal((20, 3)).astype(dtype)
    y = (columns["src"] % 2).astype(np.int64)
    return TemporalGraph(**columns, x=x, y=np.arange(20) % 2, edge_y=y)


def snapshot_link_prediction(dtype: type) -> SnapshotLinkPrediction:
    return SnapshotLinkPrediction(
        _snapshot_graph(dtype), every=20, history=2, negatives=3, features="x"
    )


def edge_classification(dtype: type) -> EdgeClassification:
    return EdgeClassification(_snapshot_graph(dtype), every=20, history=2, features="x")


def snapshot_node_classification(dtype: type) -> SnapshotNodeClassification:
    return SnapshotNodeClassification(_snapshot_graph(dtype), every=20, history=2, features="x")


def node_classification(dtype: type) -> NodeClassification:
    draw = np.random.default_rng(3)
    src, dst = draw.integers(30, size=(2, 90))
    x = draw.random((30, 40)) * (draw.random((30, 40)) < 0.05)
    graph = TemporalGraph(
        src,
        dst,
        np.zeros(90, dtype=np.int64),
        x=x.astype(dtype),
        y=np.arange(30) % 3,
        edge_weight=draw.random(90).astype(dtype),
    )
    sizes = {"train_per_class": 3, "val_per_class": 3, "num_test": 9}
    return NodeClassification(graph, split="random", **sizes)


def forecast(dtype: type) -> Forecast:
    draw = np.random.default_rng(4)
    graph = TemporalGraph(
        [0, 1, 2, 3],
        [1, 2, 3, 0],
        [0, 0, 0, 0],
        edge_weight=draw.random(4).astype(dtype),
        signal=readings(120, 4, dtype),
        signal_t=np.arange(120) * 3600,
        time_unit="s",
    )
    return Forecast(graph, history=12, horizon=3, horizons=())


def _trials(dtype: type, rows: int) -> dict:
    return {
        "src": [],
        "dst": [],
        "t": [],
        "signal": readings(12 * rows, 14, dtype, 5),
        "signal_recording": np.repeat(np.arange(12), rows),
        "recordings": {"y": np.arange(12) % 2, "subject": np.arange(12) // 2},
        "node_names": EMOTIV,
        "time_unit": "step",
    }


def window_classification(dtype: type) -> WindowClassification:
    graph = TemporalGraph(**_trials(dtype, 128))
    split = RecordingSplit("subject", test=[0], val=[1])
    return WindowClassification(graph, history=128, split=split)


def recording_classification(dtype: type) -> RecordingClassification:
    graph = TemporalGraph(**_trials(dtype, 16))
    return RecordingClassification(graph, split=RecordingSplit("subject", test=[0], val=[1]))


TASKS = {
    make.__name__: make
    for make in (
        link_prediction,
        snapshot_link_prediction,
        edge_classification,
        snapshot_node_classification,
        node_classification,
        forecast,
        window_classification,
        recording_classification,
    )
}
SMALL = {
    "gwnet": {"hidden_channels": 4, "skip_channels": 5, "end_channels": 6},
}
RUNS = [
    (e.name, task) for e in registry.entries("model") for task in e.facts["tasks"] if task in TASKS
]
FIRST = [(name, task) for name, task in RUNS if task == dict(reversed(RUNS))[name]]
TYPES = {
    "float64": (np.float64, "64-true"),
    "float64 of float32 data": (np.float32, "64-true"),
    "bf16-mixed": (np.float32, "bf16-mixed"),
    "float32 of float64 data": (np.float64, "32-true"),
    "bf16-mixed of float64 data": (np.float64, "bf16-mixed"),
}


def run(name: str, task_name: str, kind: str) -> None:
    dtype, precision = TYPES[kind]
    task = TASKS[task_name](dtype)
    torch.manual_seed(0)
    model = registry.get("model", name).from_task(task, **SMALL.get(name, {}))
    settings = {"batch_size": 40, "device": "cpu", "precision": precision}
    result = fit(model, task, epochs=1, lr=1e-3, progress=False, **settings)
    found = result.metrics["test"]
    assert found
    assert all(np.isfinite(value) for value in found.values()), found
    trained = [p for p in model.parameters() if p.requires_grad]
    if trained:
        want = torch.float64 if precision == "64-true" else torch.float32
        assert model_dtype(model) == want
        assert {p.dtype for p in trained} == {want}
    if task.view != "stream":  # whose state was written while the weights were others
        again = evaluate(model, task, **settings)
        for key, value in found.items():
            assert again[key] == pytest.approx(value, rel=1e-3, abs=1e-3), key
    Predictor(model, task)


@pytest.mark.parametrize("kind", ["float64", "bf16-mixed", "float32 of float64 data"])
@pytest.mark.parametrize(("name", "task"), FIRST)
def test_model(name: str, task: str, kind: str) -> None:
    run(name, task, kind)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("name", "task"), RUNS)
def test_every_task_of_a_model(name: str, task: str, kind: str) -> None:
    run(name, task, kind)
