"""The negatives of DyGLib against Python sets, batch by batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit import TemporalGraph
from graphkit.errors import GraphError, UnknownNameError
from graphkit.sampling.negatives import DyGLibNegatives

EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), min_size=3, max_size=40
)
PAST = ("historical", "inductive")


def build(events: list[tuple[int, int, int]]) -> TemporalGraph:
    src, dst, t = (torch.tensor(c) for c in zip(*events))
    return TemporalGraph(src, dst, t, num_nodes=6)


def rows(graph: TemporalGraph) -> list[tuple[int, int, int]]:
    return list(zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist()))


def batch_sets(
    kind: str, events: list[tuple[int, int, int]], batch: list[tuple[int, int, int]], until: int
) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Candidates of a batch, and the pairs that stand in if there are too few."""
    first, last = batch[0][2], batch[-1][2]
    past = {(u, v) for u, v, t in events if t <= first}
    now = {(u, v) for u, v, t in events if first <= t <= last}
    if kind == "inductive":
        past -= {(u, v) for u, v, t in events if t <= until}
    sources, destinations = {u for u, _, _ in events}, {v for _, v, _ in events}
    others = {(u, v) for u in sources for v in destinations} - {(u, v) for u, v, _ in batch}
    return past - now, others


@settings(deadline=None, max_examples=60)
@given(EVENTS, st.integers(1, 7), st.integers(0, 9), st.sampled_from(PAST), st.integers(0, 3))
def test_both_ends_come_from_the_sets_of_the_batch(
    events: list, size: int, until: int, kind: str, seed: int
) -> None:
    graph = build(events)
    every = rows(graph)
    enough = all(
        batch_sets(kind, every, every[a : a + size], until)[1] for a in range(0, len(every), size)
    )
    options = {"seed": seed, "observed_until": until, "batch_size": size}
    if not enough:
        return
    found = DyGLibNegatives(graph, graph, kind, **options)
    batch = graph.batches(size=len(graph))[0]
    pairs = list(zip(found.sources(batch)[:, 0].tolist(), found.sample(batch)[:, 0].tolist()))
    for a in range(0, len(every), size):
        part, drawn = every[a : a + size], pairs[a : a + size]
        candidates, others = batch_sets(kind, every, part, until)
        if len(candidates) >= len(part):
            assert set(drawn) <= candidates
            assert len(set(drawn)) == len(drawn)
            continue
        stand_ins = drawn[: len(part) - len(candidates)]
        assert set(drawn[len(stand_ins) :]) == candidates
        assert set(stand_ins) <= others
        if len(others) >= len(stand_ins):
            assert len(set(stand_ins)) == len(stand_ins)


def test_random_negatives_are_the_draws_of_the_published_code() -> None:
    graph = build([(u % 4, 1 + (u * u) % 5, u // 2) for u in range(25)])
    found = DyGLibNegatives(graph, graph, "random", seed=2, batch_size=10)
    random = np.random.RandomState(2)
    sources, destinations = np.unique(graph.src.numpy()), np.unique(graph.dst.numpy())
    expected = []
    for size in (10, 10, 5):
        random.randint(0, len(sources), size)
        expected += destinations[random.randint(0, len(destinations), size)].tolist()
    batch = graph.batches(size=25)[0]
    assert found.sample(batch)[:, 0].tolist() == expected
    assert torch.equal(found.sources(batch)[:, 0], graph.src)
    assert not found.redraws_source


def test_every_candidate_is_equally_likely() -> None:
    events = [(u, v, 0) for u in range(3) for v in range(3)] + [(0, 4, 5), (4, 0, 5)]
    graph = build(events)
    asked = graph.between(5, None)
    drawn: Counter = Counter()
    for seed in range(900):
        found = DyGLibNegatives(asked, graph, "historical", seed=seed)
        batch = asked.batches(size=2)[0]
        drawn.update(zip(found.sources(batch)[:, 0].tolist(), found.sample(batch)[:, 0].tolist()))
    assert len(drawn) == 9  # 1,800 draws: 200 each, standard deviation 13
    assert all(140 < count < 260 for count in drawn.values())


def test_a_slice_of_a_batch_gets_the_same_negatives() -> None:
    graph = build([(u % 4, 1 + (u * u) % 5, u // 2) for u in range(25)])
    found = DyGLibNegatives(graph, graph, "historical", seed=2, batch_size=10)
    whole = found.sample(graph.batches(size=25)[0])
    parts = [found.sample(batch) for batch in graph.batches(size=7)]
    assert torch.equal(whole, torch.cat(parts))
    assert found.pool["batch"] == 10
    assert found.pool["kind"] == "dyglib historical"


def test_refusals() -> None:
    graph = build([(0, 1, 0), (1, 2, 1), (2, 3, 2)])
    with pytest.raises(UnknownNameError, match="kind"):
        DyGLibNegatives(graph, graph, "hard", seed=0)
    with pytest.raises(GraphError, match="observed_until"):
        DyGLibNegatives(graph, graph, "inductive", seed=0)
    with pytest.raises(GraphError, match="no event"):
        DyGLibNegatives(graph, graph[0:0], "random", seed=0)
    found = DyGLibNegatives(graph[1:], graph, "random", seed=0)
    with pytest.raises(GraphError, match="no negative for this event"):
        found.sample(graph.batches(size=3)[0])
    with pytest.raises(GraphError, match="one negative"):
        found.sample(graph[1:].batches(size=2)[0], 2)
    single = build([(0, 0, 0)])
    with pytest.raises(GraphError, match="every pair"):
        DyGLibNegatives(single, single, "historical", seed=0)
