"""NeighborSampler against lists filtered one query at a time."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graphkit import TemporalGraph
from graphkit.errors import GraphError, UnknownNameError
from graphkit.sampling import NeighborSampler

NUM_NODES = 6
EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(-3, 4)), min_size=1, max_size=40
)
QUERIES = st.lists(st.tuples(st.integers(-1, 5), st.integers(-6, 8)), min_size=1, max_size=20)


def build(events, dtype=torch.int64):
    src, dst, t = (torch.tensor(c) for c in zip(*events))
    return TemporalGraph(src, dst, t.to(dtype), num_nodes=NUM_NODES)


def past(g, node, time, window=None, direction="both"):
    """(neighbour, time, event_id) of a node strictly before a time, oldest first."""
    found = []
    rows = zip(g.src.tolist(), g.dst.tolist(), g.t.tolist(), g.event_id.tolist())
    for u, v, when, event_id in rows:
        if when >= time or (window is not None and when < time - window):
            continue
        if u == node and direction in ("both", "out"):
            found.append((v, when, event_id))
        elif v == node and direction in ("both", "in"):
            found.append((u, when, event_id))
    return found


def rows_of(result):
    """The filled slots of each query, checked for their padding."""
    size = result.node.shape[-1]
    rows = []
    for node, time, event, mask in zip(*(x.reshape(-1, size).tolist() for x in result)):
        empty = mask.count(False)
        assert mask == [False] * empty + [True] * (size - empty)
        assert node[:empty] == [-1] * empty
        assert event[:empty] == [-1] * empty
        assert time[:empty] == [0] * empty
        rows.append(list(zip(node[empty:], time[empty:], event[empty:])))
    return rows


def columns(queries, dtype=torch.int64):
    nodes, times = zip(*queries)
    return torch.tensor(nodes), torch.tensor(times, dtype=dtype)


@settings(max_examples=150, deadline=None)
@given(
    EVENTS,
    QUERIES,
    st.integers(1, 5),
    st.sampled_from([None, 1, 3, 100]),
    st.sampled_from(["both", "out", "in"]),
    st.booleans(),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_recent_equals_the_end_of_the_past(events, queries, k, window, direction, floating, cut):
    g = build(events, torch.float64 if floating else torch.int64)
    g = g[min(cut) : max(cut)]
    nodes, t = columns(queries, g.t.dtype)
    sampler = NeighborSampler(g, k, window=window, direction=direction)
    result = sampler.sample(nodes, t)
    assert result.time.dtype == g.t.dtype
    expected = [past(g, v, time, window, direction)[-k:] for v, time in queries]
    assert rows_of(result) == expected


@settings(max_examples=100, deadline=None)
@given(
    EVENTS,
    QUERIES,
    st.integers(1, 5),
    st.sampled_from([None, 3]),
    st.booleans(),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_uniform_draws_from_the_past(events, queries, k, window, replace, cut):
    g = build(events)[min(cut) : max(cut)]
    nodes, t = columns(queries)
    sampler = NeighborSampler(g, k, "uniform", window=window, replace=replace)
    for row, (v, time) in zip(rows_of(sampler.sample(nodes, t)), queries):
        known = past(g, v, time, window)
        order = [event for _, _, event in row]
        assert order == sorted(order)
        assert set(row) <= set(known)
        if replace:
            assert len(row) == (k if known else 0)
        else:
            assert len(set(order)) == len(row) == min(k, len(known))


@settings(max_examples=80, deadline=None)
@given(EVENTS, QUERIES, st.sampled_from([None, 3]))
def test_two_hops_query_each_neighbour_at_its_own_event(events, queries, window):
    g = build(events)
    nodes, t = columns(queries)
    first, second = NeighborSampler(g, [2, 3], window=window).sample(nodes, t)
    assert second.node.shape == (len(queries), 2, 3)
    assert rows_of(first) == [past(g, v, time, window)[-2:] for v, time in queries]
    expected = []
    for row in rows_of(first):
        row = [None] * (2 - len(row)) + row
        expected += [past(g, e[0], e[1], window)[-3:] if e else [] for e in row]
    assert rows_of(second) == expected


def test_events_at_the_query_time_are_not_seen_whatever_their_place():
    # two events at time 5, one query between them in the input: neither is seen at 5, both at 6
    g = build([(0, 1, 1), (0, 2, 5), (0, 3, 5)])
    sampler = NeighborSampler(g, 3)
    assert rows_of(sampler.sample(torch.tensor([0, 0]), torch.tensor([5, 6]))) == [
        [(1, 1, 0)],
        [(1, 1, 0), (2, 5, 1), (3, 5, 2)],
    ]


def test_a_slice_knows_only_its_own_events_and_keeps_the_ids():
    g = build([(0, 1, i) for i in range(10)])
    sampler = NeighborSampler(g[4:7], 20)
    assert rows_of(sampler.sample(torch.tensor([0]), torch.tensor([100]))) == [
        [(1, 4, 4), (1, 5, 5), (1, 6, 6)]
    ]


def test_a_filtered_graph_answers_with_the_ids_of_the_graph_it_came_from():
    g = build([(0, 1, 0), (0, 2, 1), (3, 1, 2), (0, 4, 3)])
    seen = g.filter_events(g.dst != 2)
    row = rows_of(NeighborSampler(seen, 5).sample(torch.tensor([0]), torch.tensor([9])))
    assert row == [[(1, 0, 0), (4, 3, 3)]]


def test_any_query_shape_and_broadcast_times():
    g = build([(i % 5, (i + 1) % 6, i) for i in range(30)])
    sampler = NeighborSampler(g, [4, 2], "uniform")
    nodes, t = torch.randint(0, 6, (3, 7)), torch.tensor([[5], [50], [17]])
    wide = sampler.sample(nodes, t)
    flat = sampler.sample(nodes.reshape(-1), t.expand(3, 7).reshape(-1))
    assert wide[0].node.shape == (3, 7, 4)
    assert wide[1].mask.shape == (3, 7, 4, 2)
    for a, b in zip(wide, flat):
        for x, y in zip(a, b):
            assert torch.equal(x.reshape(y.shape), y)


def test_uniform_does_not_depend_on_the_batch_but_on_seed_and_epoch():
    g = build([(i % 3, 3 + i % 3, i) for i in range(300)])
    nodes, t = torch.randint(0, 6, (64,)), torch.randint(0, 300, (64,))
    sampler = NeighborSampler(g, 5, "uniform", seed=1)
    whole = sampler.sample(nodes, t)
    order = torch.randperm(64)
    parts = [sampler.sample(nodes[p], t[p]) for p in order.split(7)]
    for i in range(4):
        assert torch.equal(torch.cat([p[i] for p in parts]), whole[i][order])
    sampler.reset(epoch=1)
    assert not torch.equal(sampler.sample(nodes, t).event_id, whole.event_id)
    sampler.reset()
    assert torch.equal(sampler.sample(nodes, t).event_id, whole.event_id)
    other = NeighborSampler(g, 5, "uniform", seed=2).sample(nodes, t)
    assert not torch.equal(other.event_id, whole.event_id)


@pytest.mark.parametrize("replace", [False, True])
def test_uniform_is_uniform_over_the_past(replace):
    # node 0 has 12 events; many query times later than all of them
    g = build([(0, 1 + i % 5, i) for i in range(12)])
    t = torch.arange(100, 8_100)
    result = NeighborSampler(g, 4, "uniform", replace=replace).sample(torch.zeros_like(t), t)
    counts = torch.bincount(result.event_id.reshape(-1), minlength=12)
    if replace:
        assert stats.chisquare(counts.numpy()).pvalue > 1e-3
        return
    # all 495 subsets of 4 out of 12 are equally likely, not only the single events
    subsets = Counter(map(tuple, result.event_id.tolist()))
    assert len(subsets) == math.comb(12, 4)
    assert stats.chisquare(list(subsets.values())).pvalue > 1e-3


def test_float_query_times_of_a_whole_clock_are_exact():
    g = build([(0, 1, 5), (0, 2, 6)])
    sampler = NeighborSampler(g, 2)
    t = torch.tensor([5.0, 5.5, 6.0, 6.1, math.inf, -math.inf], dtype=torch.float64)
    result = sampler.sample(torch.zeros(6, dtype=torch.int64), t)
    assert result.mask.sum(1).tolist() == [0, 1, 1, 2, 2, 0]


def test_float32_steps_would_be_lost_but_float64_times_are_kept():
    t = torch.tensor([1_600_000_000.0, 1_600_000_000.5, 1_600_000_001.0], dtype=torch.float64)
    g = TemporalGraph(torch.zeros(3).long(), torch.ones(3).long(), t)
    result = NeighborSampler(g, 3).sample(torch.tensor([0]), t[1:2] + 0.25)
    assert result.time.tolist() == [[0.0, 1_600_000_000.0, 1_600_000_000.5]]


def test_window_as_a_duration():
    src, dst = torch.zeros(4).long(), torch.ones(4).long()
    g = TemporalGraph(src, dst, torch.tensor([0, 3599, 3600, 7200]), time_unit="s")
    sampler = NeighborSampler(g, 4, window="1h")
    assert sampler.window == 3600
    row = rows_of(sampler.sample(torch.tensor([0]), torch.tensor([7200])))
    assert row == [[(1, 3600, 2)]]
    assert repr(sampler) == "NeighborSampler(4, strategy='recent', window=3600)"
    assert repr(NeighborSampler(g, [2, 3], "uniform")) == (
        "NeighborSampler([2, 3], strategy='uniform')"
    )


def test_more_neighbours_than_any_history_and_an_empty_query():
    g = build([(0, 1, 0)])
    result = NeighborSampler(g, 300).sample(torch.tensor([1, 2]), torch.tensor([1, 1]))
    assert rows_of(result) == [[(0, 0, 0)], []]
    empty = torch.zeros(0, dtype=torch.int64)
    assert NeighborSampler(g, 3, "uniform").sample(empty, empty).node.shape == (0, 3)
    assert NeighborSampler(g, 3).sample(empty, empty).node.shape == (0, 3)


def test_results_are_fresh_copies():
    g = build([(0, 1, 0), (0, 2, 1)])
    sampler = NeighborSampler(g, 2)
    query = torch.tensor([0]), torch.tensor([5])
    first = sampler.sample(*query)
    first.node.fill_(77)
    first.mask.fill_(False)
    assert rows_of(sampler.sample(*query)) == [[(1, 0, 0), (2, 1, 1)]]


def test_refusals():
    g = build([(0, 1, 0)])
    zero = torch.tensor([0])
    for size in (0, -1, [], [5, 0], True, 1.5):
        with pytest.raises(GraphError, match="num_neighbors"):
            NeighborSampler(g, size)
    with pytest.raises(UnknownNameError, match="recent"):
        NeighborSampler(g, 5, "recnt")
    with pytest.raises(GraphError, match="direction"):
        NeighborSampler(g, 5, direction="up")
    with pytest.raises(GraphError):
        NeighborSampler(g, 5, window="0s")
    sampler = NeighborSampler(g, 5)
    with pytest.raises(GraphError, match=r"row 1.*no such node.*got 6"):
        sampler.sample(torch.tensor([0, 6]), torch.tensor([0, 0]))
    with pytest.raises(GraphError, match="no such node"):
        sampler.sample(torch.tensor([-2]), zero)
    with pytest.raises(GraphError, match="int64"):
        sampler.sample(torch.tensor([0], dtype=torch.int32), zero)
    with pytest.raises(GraphError, match="lost digits"):
        sampler.sample(zero, torch.tensor([0.0]))
    with pytest.raises(GraphError, match="one time per node"):
        sampler.sample(zero, torch.tensor([0, 1]))
    nan = torch.tensor([math.nan], dtype=torch.float64)
    for dtype in (torch.int64, torch.float64):
        with pytest.raises(GraphError, match="NaN"):
            NeighborSampler(build([(0, 1, 0)], dtype), 5).sample(zero, nan)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("strategy", ["recent", "uniform"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_gpu_equals_cpu(strategy, dtype):
    generator = torch.Generator().manual_seed(0)
    src, dst = torch.randint(50, (2, 5_000), generator=generator)
    g = TemporalGraph(src, dst, torch.randint(99, (5_000,), generator=generator).to(dtype))
    nodes = torch.randint(-1, 50, (400,), generator=generator)
    t = torch.randint(-5, 105, (400,), generator=generator).to(dtype)
    here = NeighborSampler(g[500:4_500], [10, 5], strategy, window=30)
    there = NeighborSampler(g.to("cuda")[500:4_500], [10, 5], strategy, window=30)
    for a, b in zip(here.sample(nodes, t), there.sample(nodes.cuda(), t.cuda())):
        for x, y in zip(a, b):
            assert torch.equal(x, y.cpu())
