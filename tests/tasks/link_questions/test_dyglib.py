"""The protocol of DyGLib: published figures that need no training, and its bookkeeping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor, nn

import graphkit
from graphkit import LinkPrediction, TemporalGraph
from graphkit.engine.passes import replay
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.stream.edgebank import EdgeBank


def a_stream(num_events: int = 3_000, num_nodes: int = 60) -> TemporalGraph:
    draw = torch.Generator().manual_seed(3)
    src, dst = (torch.rand(2, num_events, generator=draw) ** 2 * num_nodes).long()
    t = torch.randint(0, 3, (num_events,), generator=draw).cumsum(0)
    return TemporalGraph(src, dst, t, num_nodes=num_nodes)


def hashed_pair(u: int | Tensor, v: int | Tensor) -> int | Tensor:
    return (u * 7919 + v * 104_729) % 1009


class Recorder(nn.Module):
    """Scores by a hash of the pair and keeps what it was given."""

    reads_earlier = True
    edge_dim = 0

    def __init__(self, num_nodes: int) -> None:
        super().__init__()
        self.num_nodes = num_nodes
        self.seen: list[tuple[int, int, int]] = []
        self.earlier: list[int] = []

    def score(self, src: Tensor, dst: Tensor, t: Tensor, earlier=None) -> Tensor:
        self.earlier.append(0 if earlier is None else len(earlier))
        if dst.dim() == 2:
            src = src.unsqueeze(1)
        return hashed_pair(src, dst).float()

    def observe(self, events) -> None:
        self.seen += zip(events.src.tolist(), events.dst.tolist(), events.t.tolist())

    def reset_state(self) -> None:
        self.seen = []

    def grow(self, num_nodes: int, x=None) -> None:
        self.num_nodes = num_nodes


def events_of(*parts: TemporalGraph) -> list[tuple[int, int, int]]:
    return [row for g in parts for row in zip(g.src.tolist(), g.dst.tolist(), g.t.tolist())]


@pytest.mark.parametrize(
    ("name", "memory", "published"),
    [
        ("collegemsg", "unlimited", 76.20),
        ("enron", "time_window", 83.53),
        ("wikipedia", "unlimited", 90.37),
    ],
)
def test_edgebank_gives_its_published_figure(
    name: str, memory: str, published: float, graphkit_data: Path
) -> None:
    graph = graphkit.load(name)
    task = LinkPrediction.dyglib(graph, negatives="random")
    model = EdgeBank.from_task(task, memory=memory)
    found = graphkit.evaluate(model, task, batch_size=200)
    assert round(100 * found["ap_batch_mean_200"], 2) == published


def test_edgebank_with_historical_negatives(graphkit_data: Path) -> None:
    task = LinkPrediction.dyglib(graphkit.load("collegemsg"), negatives="historical")
    model = EdgeBank.from_task(task, memory="time_window")
    found = graphkit.evaluate(model, task, batch_size=200)
    # Published: 65.50. The numbering of the pairs differs, and with it the draw.
    assert abs(100 * found["ap_historical_batch_mean_200"] - 65.50) < 0.6
    assert "ap_batch_mean_200" not in found


@pytest.mark.parametrize("new_nodes", [False, True])
def test_metrics_are_means_of_scikit_learn_over_batches(new_nodes: bool) -> None:
    task = LinkPrediction.dyglib(a_stream(), new_nodes=new_nodes, within_batch=True)
    model = Recorder(60)
    found = graphkit.evaluate(model, task, batch_size=170)
    asked = task.split.test
    if new_nodes:
        asked = asked.filter_events(task.questions.periods.touches_new(asked))
    events = events_of(asked)
    for column, kind in enumerate(("random", "historical", "inductive")):
        sampler = task.questions.sampler(task.questions.columns("test", True)[column], "test")
        batch = asked.batches(size=len(asked))[0]
        pairs = list(
            zip(sampler.sources(batch)[:, 0].tolist(), sampler.sample(batch)[:, 0].tolist())
        )
        hashed = [
            [(u * 7919 + v * 104_729) % 1009 for u, v, *_ in part] for part in (events, pairs)
        ]
        aps, aucs = [], []
        for a in range(0, len(events), 200):
            p, n = hashed[0][a : a + 200], hashed[1][a : a + 200]
            truth = [1] * len(p) + [0] * len(n)
            aps.append(average_precision_score(truth, p + n))
            aucs.append(roc_auc_score(truth, p + n))
        suffix = "" if kind == "random" else f"_{kind}"
        assert found[f"ap{suffix}_batch_mean_200"] == pytest.approx(np.mean(aps), abs=1e-6)
        assert found[f"auc{suffix}_batch_mean_200"] == pytest.approx(np.mean(aucs), abs=1e-6)
        truth = [1] * len(events) + [0] * len(events)
        whole = average_precision_score(truth, hashed[0] + hashed[1])
        assert found[f"ap{suffix}"] == pytest.approx(whole, abs=1e-6)


def test_history_with_the_context_of_events_and_of_batches() -> None:
    graph = a_stream()
    event = LinkPrediction.dyglib(graph, within_batch=True)
    batch = LinkPrediction.dyglib(graph)
    periods = event.questions.periods
    model = Recorder(60)
    replay(model, event.past("test"), 200, torch.device("cpu"))
    assert model.seen == events_of(periods.early, periods.val)
    replay(model, batch.past("test"), 200, torch.device("cpu"))
    assert model.seen == events_of(periods.train, periods.val)
    assert not event.continues("val")
    assert event.continues("test")
    assert batch.continues("val")
    assert batch.continues("test")
    assert event.protocol()["context"] == "event"
    assert batch.protocol()["context"] == "batch"


def test_new_nodes_choose_the_questions_of_the_test_only() -> None:
    graph = a_stream()
    for within_batch in (True, False):
        every = LinkPrediction.dyglib(graph, within_batch=within_batch)
        new = LinkPrediction.dyglib(graph, within_batch=within_batch, new_nodes=True)
        for split in ("train", "val"):
            for a, b in zip(every.stream(split, 200), new.stream(split, 200)):
                assert torch.equal(a.src, b.src)
                assert torch.equal(a.dst, b.dst)
        stream = new.stream("test", 200, final=True)
        periods = new.questions.periods
        asked = periods.test.filter_events(periods.touches_new(periods.test))
        queries = list(stream)
        assert torch.equal(torch.cat([q.src for q in queries]), asked.src)
        observed = events_of(*[q.events for q in queries])
        assert observed == events_of(periods.test if within_batch else asked)


def test_historical_and_inductive_negatives_of_new_nodes_coincide() -> None:
    task = LinkPrediction.dyglib(a_stream(), new_nodes=True)
    queries = list(task.stream("test", 200, final=True))
    pairs = torch.cat([torch.stack([q.others, q.dst[:, 2:]]) for q in queries], dim=1)
    assert torch.equal(pairs[..., 0], pairs[..., 1])


def test_training_contains_no_drawn_node_and_draws_from_training() -> None:
    task = LinkPrediction.dyglib(a_stream())
    drawn = set(task.questions.periods.drawn.tolist())
    pool = set(task.split.train.dst.tolist())
    for query in task.stream("train", 150):
        assert not drawn & set(query.src.tolist())
        assert not drawn & set(query.dst[:, 0].tolist())
        assert set(query.dst[:, 1].tolist()) <= pool


def test_refusals_and_record() -> None:
    graph = a_stream()
    with pytest.raises(UnknownNameError, match="negatives"):
        LinkPrediction.dyglib(graph, negatives="hard")
    with pytest.raises(GraphError, match="no kind"):
        LinkPrediction.dyglib(graph, negatives=())
    with pytest.raises(GraphError, match="not a graph"):
        LinkPrediction.dyglib("collegemsg")
    task = LinkPrediction.dyglib(graph)
    with pytest.raises(GraphError, match="batch_size"):
        graphkit.evaluate(EdgeBank.from_task(task), task, batch_size=100)
    assert task.stream("train", 100).batch_size == 100
    record = task.protocol()
    assert record["name"] == "dyglib"
    assert record["selection"] == "ap_batch_mean_200"
    assert record["edge_features"] is False
    model = EdgeBank.from_task(task)
    result = graphkit.fit(model, task, batch_size=200, progress=False)
    assert set(result.metrics["val"]) == {
        "ap",
        "auc",
        "ap_batch_mean_200",
        "auc_batch_mean_200",
    }
