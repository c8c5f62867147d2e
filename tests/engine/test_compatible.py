"""Models and tasks that do not match are refused before anything runs, with those that would do."""

import pytest
import torch
from torch import nn

from graphkit import LinkPrediction, TemporalGraph, evaluate, fit, registry
from graphkit.data.window_splits import BlockSplit
from graphkit.engine import fit_many
from graphkit.engine.compatible import check_match, check_task, view_of
from graphkit.errors import GraphError
from graphkit.tasks import (
    EdgeClassification,
    Forecast,
    NodeClassification,
    SnapshotLinkPrediction,
    WindowClassification,
)

CPU = {"device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def tasks():
    draw = torch.Generator().manual_seed(0)
    src, dst = torch.randint(12, (2, 300), generator=draw)
    graph = TemporalGraph(
        src, dst, torch.arange(300), edge_y=(src + dst) % 2, x=torch.rand(12, 4),
        y=torch.arange(12) % 2, signal=torch.randn(300, 12, 1),
        signal_recording=torch.arange(300) // 50,
        recordings={"y": [0, 1, 0, 1, 0, 1]}, num_nodes=12,
    )  # fmt: skip
    ids = torch.arange(12)
    steps = {"every": 15, "history": 2}
    return {
        "stream": LinkPrediction(graph),
        "link": SnapshotLinkPrediction(graph, **steps),
        "edge": EdgeClassification(graph, **steps),
        "forecast": Forecast(graph, history=3, horizon=2, horizons=()),
        "window": WindowClassification(graph, history=5, split=BlockSplit(5, 1)),
        "static": NodeClassification(graph, split=(ids[:4], ids[4:8], ids[8:])),
    }


def made(name, task):
    maker = registry.get("model", name)
    if task.view in ("stream", "static"):
        return maker.from_graph(task.graph)
    return maker.from_task(task)


RIGHT = {
    "stream": ("edgebank", "nat"),
    "link": ("gcn_snapshot", "met_before"),
    "edge": ("evolvegcn_o",),
    "forecast": ("gru", "last_value"),
    "window": ("sequence_classifier",),
    "static": ("dagnn", "mlp"),
}


def test_registered_models_and_their_tasks(tasks):
    """Every pair of the table: the right ones pass, all others are refused."""
    models = {
        (kind, name): made(name, tasks[kind]) for kind, names in RIGHT.items() for name in names
    }
    alike = {"link", "edge"}  # heads of both are pairs of nodes
    for (kind, name), model in models.items():
        for other, task in tasks.items():
            if other == kind or {other, kind} == alike:
                check_match(model, task)
                continue
            with pytest.raises(GraphError, match="'model': ") as caught:
                check_match(model, task)
            would_do = set(str(caught.value).partition("expected ")[2].rstrip(".").split(" or "))
            assert would_do == set(registry.names("model", tasks=task.name)), (name, other)


def test_fit_evaluate_and_fit_many_say_which_would_do(tasks):
    model = made("nat", tasks["stream"])
    said = r"NAT reads a stream of events, and NodeClassification asks about a static graph.*dagnn"
    with pytest.raises(GraphError, match=said):
        fit(model, tasks["static"], **CPU)
    with pytest.raises(GraphError, match=said):
        evaluate(model, tasks["static"], device="cpu")
    with pytest.raises(GraphError, match=said):
        fit_many([model], [tasks["static"]], seeds=[0], **CPU)


class Score(nn.Module):
    def score(self, src, dst, t): ...


class Stream(Score):
    def observe(self, events): ...


class Static(nn.Module):
    def forward(self, x, edge_index): ...


class Signal(nn.Module):
    def forward(self, x, covariates=None, mask=None): ...


class Classifier(Signal):
    kind = "classify"


class Bare(nn.Module):
    def forward(self, *inputs): ...


@pytest.mark.parametrize(
    ("model", "view", "fits"),
    [
        (Stream, "stream", {"stream"}),
        (Score, None, {"stream"}),
        (Static, "static", {"static"}),
        (Signal, "signal", {"forecast", "window"}),
        (Classifier, "signal", {"window"}),
        (Bare, None, {"forecast", "window", "static"}),
    ],
)
def test_models_that_nobody_registered_are_known_by_their_methods(tasks, model, view, fits):
    assert view_of(model) == view_of(model()) == view
    for kind, task in tasks.items():
        if kind in fits:
            check_match(model(), task)
        else:
            with pytest.raises(GraphError, match="'model'"):
                check_match(model(), task)


def test_an_encoder_without_its_head(tasks):
    encoder = registry.get("model", "evolvegcn_o")(5, 4)
    said = r"no method link_logits\(\).*EvolveGCNO.from_task\(task\)"
    with pytest.raises(GraphError, match=said):
        fit(encoder, tasks["link"], **CPU)


def test_facts_agree_with_methods():
    """What is registered of a class is what its methods tell."""
    for entry in registry.entries("model"):
        bare = type("Bare", (entry.make,), {})  # a subclass is not registered
        assert view_of(bare) in (entry.facts["view"], None), entry.name
    for entry in registry.entries("task"):
        assert entry.make.view == entry.facts["view"]
        assert entry.make.name == entry.name
        assert registry.names("model", tasks=entry.name), entry.name


def test_a_task_of_the_users_own():
    class Task:
        def stream(self): ...
        def score(self): ...
        def metrics(self): ...
        def history(self): ...

    with pytest.raises(GraphError, match=r"history\(\), which is called past\(\) now"):
        check_task(Task())
    Task.past = Task.history
    check_task(Task())
    check_match(Bare(), Task())
