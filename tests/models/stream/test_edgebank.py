from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from graphkit import TemporalGraph
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.stream.edgebank import EdgeBank
from graphkit.tasks import LinkPrediction


def a_stream(num_events: int = 600, num_nodes: int = 15, float_time: bool = False) -> TemporalGraph:
    draw = torch.Generator().manual_seed(4)
    src, dst = torch.randint(num_nodes, (2, num_events), generator=draw)
    t = torch.randint(0, 9, (num_events,), generator=draw).cumsum(0) + 2**40
    return TemporalGraph(src, dst, t.double() + 0.5 if float_time else t, num_nodes=num_nodes)


class Naive:
    """The definition, with lists: a pair is known if enough of its events lie in the window."""

    def __init__(self, memory="unlimited", fraction=0.15, window=None, repeats=1, undirected=False):
        self.memory, self.fraction, self.window = memory, fraction, window
        self.repeats, self.undirected = repeats, undirected
        self.events = []

    def pair(self, u, v):
        return (min(u, v), max(u, v)) if self.undirected else (u, v)

    def score(self, u, v):
        mine = [t for pair, t in self.events if pair == self.pair(u, v)]
        if not mine or len(mine) < self.repeats:
            return -10.0
        start = -math.inf
        if self.memory == "time_window":
            times = [t for _, t in self.events]
            if self.window is not None:
                start = times[-1] - self.window
            else:
                start = np.quantile(times, 1 - self.fraction, method="higher")
        return 10.0 if max(mine) >= start else -10.0

    def observe(self, batch):
        for u, v, t in zip(batch.src.tolist(), batch.dst.tolist(), batch.t.tolist()):
            self.events.append((self.pair(u, v), t))


@pytest.mark.parametrize("float_time", [False, True])
@pytest.mark.parametrize(
    ("settings", "naive"),
    [
        ({}, {}),
        ({"undirected": True}, {"undirected": True}),
        ({"min_repeats": 3}, {"repeats": 3}),
        ({"memory": "time_window"}, {"memory": "time_window"}),
        (
            {"memory": "time_window", "window_fraction": 0.5},
            {"memory": "time_window", "fraction": 0.5},
        ),
        ({"memory": "time_window", "window": 250.5}, {"memory": "time_window", "window": 250.5}),
    ],
    ids=str,
)
def test_equals_the_definition(settings: dict, naive: dict, float_time: bool):
    graph = a_stream(float_time=float_time)
    model, reference = EdgeBank.from_graph(graph, **settings), Naive(**naive)
    every = torch.arange(15)
    known = 0
    for batch in graph.batches(size=37):
        expected = [reference.score(u, v) for u, v in zip(batch.src.tolist(), batch.dst.tolist())]
        assert model.score(batch.src, batch.dst, batch.t).tolist() == expected
        candidates = every.repeat(3, 1)
        got = model.score(batch.src[:3], candidates, batch.t[:3])
        assert got.tolist() == [
            [reference.score(u, v) for v in range(15)] for u in batch.src[:3].tolist()
        ]
        known += sum(e > 0 for e in expected)
        model.observe(batch)
        reference.observe(batch)
    assert 0 < known < len(graph)


def test_pairs_are_directed():
    graph = TemporalGraph([0], [1], [5], num_nodes=3)
    model = EdgeBank.from_graph(graph)
    model.observe(next(iter(graph.batches(size=1))))
    query = (torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([6, 6]))
    assert model.score(*query).tolist() == [10.0, -10.0]


def test_late_events_where_the_order_does_not_matter():
    graph = a_stream()
    batches = list(graph.batches(size=100))
    early, late = EdgeBank.from_graph(graph), EdgeBank.from_graph(graph)
    for batch in batches:
        early.observe(batch)
    for batch in reversed(batches):
        late.observe(batch)
    u, v = torch.arange(15).repeat(15), torch.arange(15).repeat_interleave(15)
    assert all(torch.equal(a, b) for a, b in zip(early.pairs(u, v), late.pairs(u, v)))
    for model in (early, late):
        assert model.stream_clock.now == graph.t[-1]
        assert model.stream_clock.num_events == 600
    window = EdgeBank.from_graph(graph, memory="time_window")
    window.observe(batches[1])
    with pytest.raises(GraphError, match="earlier than the latest one"):
        window.observe(batches[0])


def test_pairs_of_a_larger_model():
    """What is known of a pair does not depend on the number of nodes."""
    graph = a_stream()
    model = EdgeBank.from_task(LinkPrediction(graph))
    batch, later = graph.batches(size=300)
    model.observe(batch)
    larger = EdgeBank(1000)
    larger.load_state_dict(model.state_dict())
    assert larger.num_nodes == 1000
    query = (later.src, torch.arange(15).expand(300, -1), later.t)
    assert torch.equal(model.score(*query), larger.score(*query))
    smaller = EdgeBank(2)
    smaller.load_state_dict(larger.state_dict())
    assert smaller.num_nodes == 1000
    assert torch.equal(model.score(*query), smaller.score(*query))


def test_options_are_checked():
    with pytest.raises(UnknownNameError, match="time_window"):
        EdgeBank(3, memory="window")
    with pytest.raises(GraphError, match="window_fraction"):
        EdgeBank(3, window_fraction=0.0)
    with pytest.raises(GraphError, match="window"):
        EdgeBank(3, memory="time_window", window=-1)
    with pytest.raises(GraphError, match="min_repeats"):
        EdgeBank(3, min_repeats=0)
    float_batch = next(iter(a_stream(float_time=True).batches(size=5)))
    with pytest.raises(GraphError, match="integer times"):
        EdgeBank(15).observe(float_batch)
