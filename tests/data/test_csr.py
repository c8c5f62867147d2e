"""TemporalCSR against lists built one event at a time."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit.data.csr import TemporalCSR
from graphkit.errors import GraphError

NUM_NODES = 6
EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(-3, 4)), min_size=1, max_size=40
)


def columns(events, dtype=torch.int64):
    events = sorted(events, key=lambda e: e[2])
    src, dst, t = (list(c) for c in zip(*events))
    return torch.tensor(src), torch.tensor(dst), torch.tensor(t, dtype=dtype)


def naive_rows(src, dst, t, direction):
    rows = [[] for _ in range(NUM_NODES)]
    for position, (u, v, time) in enumerate(zip(src.tolist(), dst.tolist(), t.tolist())):
        if direction in ("both", "out"):
            rows[u].append((v, time, position))
        if direction == "in" or (direction == "both" and u != v):
            rows[v].append((u, time, position))
    return rows


def rows_of(csr):
    entries = list(zip(csr.neighbor.tolist(), csr.time.tolist(), csr.event.tolist()))
    bounds = csr.indptr.tolist()
    return [entries[a:b] for a, b in itertools.pairwise(bounds)]


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.sampled_from(["both", "out", "in"]), st.sampled_from(["int64", "float64"]))
def test_rows_equal_lists_built_one_event_at_a_time(events, direction, dtype):
    src, dst, t = columns(events, getattr(torch, dtype))
    csr = TemporalCSR.build(src, dst, t, NUM_NODES, direction)
    assert rows_of(csr) == naive_rows(src, dst, t, direction)
    assert csr.time.dtype == t.dtype
    assert csr.neighbor.dtype == csr.event.dtype == csr.indptr.dtype == torch.int64
    assert bool((csr.key[1:] > csr.key[:-1]).all())


@settings(max_examples=100, deadline=None)
@given(EVENTS, st.integers(-5, 6), st.sampled_from(["both", "out", "in"]))
def test_position_and_entry_count_what_is_earlier(events, time, direction):
    src, dst, t = columns(events)
    csr = TemporalCSR.build(src, dst, t, NUM_NODES, direction)
    query = torch.tensor([time])
    before = int(csr.position(query))
    assert before == sum(x < time for x in t.tolist())
    assert int(csr.position(query, right=True)) == sum(x <= time for x in t.tolist())
    nodes = torch.arange(NUM_NODES)
    entry = csr.entry(nodes, torch.full_like(nodes, before))
    earlier = [sum(x[1] < time for x in row) for row in naive_rows(src, dst, t, direction)]
    assert (entry - csr.indptr[:-1]).tolist() == earlier


def test_a_self_loop_gives_one_entry_and_duplicates_give_all():
    src, dst, t = torch.tensor([1, 1, 0, 0]), torch.tensor([1, 1, 1, 1]), torch.tensor([0, 0, 0, 9])
    csr = TemporalCSR.build(src, dst, t, 3)
    assert csr.indptr.tolist() == [0, 2, 6, 6]
    assert csr.neighbor.tolist() == [1, 1, 1, 1, 0, 0]
    assert csr.event.tolist() == [2, 3, 0, 1, 2, 3]
    assert csr.time.tolist() == [0, 9, 0, 0, 0, 9]


@pytest.mark.parametrize("size", [1, 3, 128, 129, 200])
def test_windows_end_before_their_entry(size):
    src, dst, t = columns([(i % 5, (i * 3 + 1) % 6, i // 3) for i in range(20)])
    csr = TemporalCSR.build(src, dst, t, NUM_NODES)
    for column in ("key", "neighbor", "time"):
        values = getattr(csr, column)
        windows = csr.windows(column, size)
        assert windows.shape == (values.numel() + 1, size)
        padded = [0] * size + values.tolist()
        for i in range(values.numel() + 1):
            assert windows[i].tolist() == padded[i : i + size]


def test_nodes_without_events_and_times_of_any_size():
    src, dst = torch.tensor([4, 4]), torch.tensor([2, 2])
    t = torch.tensor([-(2**63), 2**63 - 1])
    csr = TemporalCSR.build(src, dst, t, 1_000)
    assert csr.indptr[-1] == 4
    assert csr.time[:2].tolist() == t.tolist()
    assert csr.entry(torch.tensor([999, -1]), torch.tensor([2, 2])).tolist() == [4, 0]


def test_directions_are_built_once():
    src, dst, t = columns([(0, 1, 0), (1, 2, 1)])
    csr = TemporalCSR.build(src, dst, t, NUM_NODES)
    assert csr.directed("both") is csr
    assert csr.directed("out") is csr.directed("out")
    assert csr.directed("out").neighbor.tolist() == [1, 2]
    assert csr.directed("in").neighbor.tolist() == [0, 1]
    assert repr(csr) == ("TemporalCSR(num_nodes=6, num_events=2, num_entries=4, direction='both')")


def test_refusals():
    src, dst, t = columns([(0, 1, 0)])
    with pytest.raises(GraphError, match="direction"):
        TemporalCSR.build(src, dst, t, 2, "sideways")
    with pytest.raises(GraphError, match="int64"):
        TemporalCSR.build(src, dst, t, 2**62)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_equals_cpu():
    generator = torch.Generator().manual_seed(0)
    src, dst = torch.randint(50, (2, 5_000), generator=generator)
    t = torch.randint(100, (5_000,), generator=generator).sort().values
    here = TemporalCSR.build(src, dst, t, 60)
    there = TemporalCSR.build(src.cuda(), dst.cuda(), t.cuda(), 60)
    for name in ("indptr", "key", "event", "neighbor", "time"):
        assert torch.equal(getattr(here, name), getattr(there, name).cpu())
