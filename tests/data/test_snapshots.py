"""Snapshots against loops and dicts."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphkit import GraphError, TemporalGraph

ids = st.integers(0, 3)
small = st.integers(-20, 20)
large = st.integers(2**40, 2**40 + 50) | st.just(-(2**35))
floats = st.floats(-50, 50, allow_nan=False).map(lambda v: round(v, 2))


def streams(times: st.SearchStrategy) -> st.SearchStrategy[list]:
    return st.lists(st.tuples(ids, ids, times), min_size=1, max_size=25)


def build(rows: list[tuple], **more: Any) -> TemporalGraph:
    src, dst, t = zip(*rows)
    number = torch.arange(len(rows))
    return TemporalGraph(
        *(src, dst, t),
        edge_weight=number.double() + 0.5,
        edge_attr=torch.stack([number, number**2], 1).float(),
        edge_y=number,
        num_nodes=5,
        **more,
    )


def reduce_list(values: list, how: str) -> Any:
    values = [np.asarray(v, dtype=float) for v in values]
    return {
        "sum": lambda: sum(values),
        "mean": lambda: sum(values) / len(values),
        "last": lambda: values[-1],
        "count": lambda: np.asarray(float(len(values))),
    }[how]()


def expected(g: TemporalGraph, start: float, end: float, how: str) -> dict[str, list]:
    """One snapshot by a dict over the events of an interval."""
    found: dict[tuple, list[int]] = {}
    for i in range(len(g)):
        if start <= g.t[i].item() < end:
            key = (g.src[i].item(), g.dst[i].item())
            if g.edge_type is not None:
                key = (*key, g.edge_type[i].item())
            found.setdefault(key, []).append(i)
    out: dict[str, list] = {"pairs": [], "edge_weight": [], "edge_attr": [], "edge_y": []}
    for key in sorted(found):
        rows = found[key]
        out["pairs"].append(key)
        out["edge_weight"].append(reduce_list([g.edge_weight[i] for i in rows], how))
        out["edge_attr"].append(reduce_list([g.edge_attr[i] for i in rows], how))
        out["edge_y"].append(g.edge_y[rows[-1]].item())
    return out


def check(data: Data, want: dict[str, list], how: str) -> None:
    pairs = data.edge_index.t().tolist()
    if "edge_type" in data:
        pairs = [[*pair, kind] for pair, kind in zip(pairs, data.edge_type.tolist())]
    assert [tuple(pair) for pair in pairs] == want["pairs"]
    assert data.edge_index.shape == (2, len(pairs))
    np.testing.assert_allclose(data.edge_weight.numpy(), np.array(want["edge_weight"]), rtol=1e-6)
    if how == "count":
        assert "edge_attr" not in data
    elif pairs:
        np.testing.assert_allclose(data.edge_attr.numpy(), np.stack(want["edge_attr"]), rtol=1e-6)
    assert data.edge_y.tolist() == want["edge_y"]
    assert data.num_nodes == 5
    data.validate()


@given(
    streams(small | large),
    st.integers(1, 2**41),
    st.sampled_from(["sum", "mean", "last", "count"]),
    st.booleans(),
)
def test_every_number_of_ticks(rows: list, every: int, how: str, cumulative: bool) -> None:
    g = build(rows)
    if (g.t_max - g.t_min) // every > 500:
        every = (g.t_max - g.t_min) // 500 + 1
    snapshots = g.snapshots(every=every, reduce=how, cumulative=cumulative)
    assert len(snapshots) == (g.t_max - g.t_min) // every + 1
    if len(snapshots) > 60:  # the slow loop looks at those that are not empty
        chosen = [i for i in range(len(snapshots)) if snapshots.num_events[i]][:20]
    else:
        chosen = range(len(snapshots))
    for i in chosen:
        start, end = g.t_min + i * every, g.t_min + (i + 1) * every
        data = snapshots[i]
        assert data.t == (start, end)
        assert type(data.t[0]) is int
        check(data, expected(g, g.t_min if cumulative else start, end, how), how)


@given(streams(floats), st.floats(0.3, 40), st.booleans())
def test_every_with_float_times(rows: list, every: float, cumulative: bool) -> None:
    g = build(rows)
    snapshots = g.snapshots(every=every, cumulative=cumulative)
    ends = [s.t for s in snapshots]
    assert ends[0][0] == g.t_min
    assert ends[-1][0] <= g.t_max < ends[-1][1]
    assert all(a[1] == b[0] for a, b in pairwise(ends))
    for data in snapshots:
        start = g.t_min if cumulative else data.t[0]
        check(data, expected(g, start, data.t[1], "sum"), "sum")


@given(streams(small | large | floats), st.integers(1, 12), st.booleans())
def test_count_has_equal_lengths_and_every_event(rows: list, count: int, cumulative: bool) -> None:
    g = build(rows)
    width = g.t_max - g.t_min
    whole = isinstance(width, int)
    if (whole and count > width + 1) or (not whole and count > 1 and width < 1e-6):
        with pytest.raises(GraphError, match=r"shorter than one tick|too short for float64"):
            g.snapshots(count=count)
        return
    snapshots = g.snapshots(count=count, cumulative=cumulative)
    assert len(snapshots) == count
    lengths = [s.t[1] - s.t[0] for s in snapshots]
    assert max(lengths) - min(lengths) <= (1 if whole else 1e-6 + 1e-12 * width)
    assert snapshots[0].t[0] == g.t_min
    assert snapshots[-1].t[1] > g.t_max
    if whole:
        assert snapshots[-1].t[1] == g.t_max + 1
    for data in snapshots:
        start = g.t_min if cumulative else data.t[0]
        check(data, expected(g, start, data.t[1], "sum"), "sum")
    if not cumulative:
        assert snapshots.num_events.sum() == len(g)


@given(
    streams(small | floats),
    st.lists(st.integers(-25, 25), min_size=2, max_size=6, unique=True).map(sorted),
    st.booleans(),
)
def test_at_leaves_out_what_is_outside(rows: list, at: list, cumulative: bool) -> None:
    g = build(rows)
    snapshots = g.snapshots(at=at, cumulative=cumulative)
    assert [s.t for s in snapshots] == list(pairwise(at))
    for data in snapshots:
        start = at[0] if cumulative else data.t[0]
        check(data, expected(g, start, data.t[1], "sum"), "sum")


@given(streams(small), st.data())
def test_types_stay_apart(rows: list, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.integers(-3, 3), min_size=len(rows), max_size=len(rows)))
    g = build(rows, edge_type=kinds)
    for cumulative in (False, True):
        for s in g.snapshots(every=7, cumulative=cumulative):
            start = g.t_min if cumulative else s.t[0]
            check(s, expected(g, start, s.t[1], "sum"), "sum")


@given(streams(small), st.integers(1, 6))
def test_empty_intervals(rows: list, every: int) -> None:
    g = build(rows)
    kept = g.snapshots(every=every)
    full = [i for i in range(len(kept)) if kept.num_events[i]]
    skipped = g.snapshots(every=every, empty="skip")
    assert [s.t for s in skipped] == [kept[i].t for i in full]
    assert [s.edge_index.tolist() for s in skipped] == [kept[i].edge_index.tolist() for i in full]
    assert (skipped.num_events > 0).all()
    grown = g.snapshots(every=every, empty="skip", cumulative=True)
    whole = g.snapshots(every=every, cumulative=True)
    assert [s.edge_weight.tolist() for s in grown] == [whole[i].edge_weight.tolist() for i in full]
    if len(full) < len(kept):
        first = next(i for i in range(len(kept)) if i not in full)
        with pytest.raises(GraphError, match=f"row {first}: an interval has no event") as error:
            g.snapshots(every=every, empty="raise")
        assert f"{kept[first].t[0]} <= t < {kept[first].t[1]}" in str(error.value)
    else:
        assert len(g.snapshots(every=every, empty="raise")) == len(kept)


def test_units_dates_and_origin() -> None:
    day = 86400
    g = TemporalGraph([0, 1, 0], [1, 2, 2], [10 * day + 5, 10 * day + 7, 12 * day + 1])
    assert [s.t for s in g.snapshots(every="1d")] == [
        (10 * day + 5, 11 * day + 5),
        (11 * day + 5, 12 * day + 5),
    ]
    days = g.snapshots(every="1d", origin="epoch")
    assert days.start.tolist() == [10 * day, 11 * day, 12 * day]
    assert days.num_events.tolist() == [2, 0, 1]
    assert g.snapshots(every="24h", origin=9 * day).start.tolist() == [
        i * day for i in (9, 10, 11, 12)
    ]
    months = np.array(["1970-01-01", "1970-01-12", "1970-02-01"], dtype="M8[D]")
    assert g.snapshots(at=months).num_events.tolist() == [2, 1]
    assert g.snapshots(at=torch.tensor([0, 11 * day])).num_events.tolist() == [2]
    assert g.snapshots(at=[10 * day + 5.5, 1e9]).start.tolist() == [10 * day + 6]


def test_negative_times_and_epoch() -> None:
    g = TemporalGraph([0, 1], [1, 2], [-5, 3])
    assert g.snapshots(every=4, origin="epoch").start.tolist() == [-8, -4, 0]
    floats = TemporalGraph([0, 1], [1, 2], [-0.5, 0.3])
    assert floats.snapshots(every=0.5, origin="epoch").start.tolist() == [-0.5, 0.0]


def test_every_data_shares_the_same_tensors() -> None:
    g = build([(0, 1, 0), (1, 2, 0), (0, 1, 0), (2, 3, 5), (3, 3, 9)])
    snapshots = g.snapshots(every=1)
    assert len({s.edge_index.untyped_storage().data_ptr() for s in snapshots}) == 1
    assert len({s.edge_attr.untyped_storage().data_ptr() for s in snapshots}) == 1
    first, last = snapshots[0].edge_weight, snapshots[9].edge_weight
    assert last.data_ptr() == first.data_ptr() + 3 * first.element_size()
    assert snapshots[0].edge_index.data_ptr() == snapshots[0:2][0].edge_index.data_ptr()


def test_sequence() -> None:
    g = build([(0, 1, 0), (1, 2, 4), (2, 3, 8)])
    snapshots = g.snapshots(every=2)
    assert len(snapshots) == 5
    assert snapshots[-1].t == (8, 10)
    assert [s.t[0] for s in snapshots[1:4]] == [2, 4, 6]
    assert [s.t[0] for s in snapshots[::-2]] == [8, 4, 0]
    assert [s.t[0] for s in reversed(snapshots)] == [8, 6, 4, 2, 0]
    assert len(snapshots[5:]) == 0
    assert repr(snapshots) == "Snapshots(5 steps, 5 nodes, 0 <= t < 10)"
    assert repr(snapshots[:0]) == "Snapshots(0 steps, 5 nodes, none)"
    grown = g.snapshots(every=2, cumulative=True)
    assert repr(grown) == "Snapshots(5 steps, cumulative, 5 nodes, 0 <= t < 10)"
    assert grown.num_events.tolist() == [1, 1, 2, 2, 3]
    assert grown.cumulative
    assert not snapshots.cumulative
    for wrong in (5, -6):
        with pytest.raises(IndexError):
            snapshots[wrong]


def test_a_slice_is_cut_by_itself() -> None:
    g = build([(0, 1, 0), (1, 2, 4), (2, 3, 8), (3, 0, 9)])
    part = g.between(4, 9)
    assert [s.edge_index.tolist() for s in part.snapshots(every=4)] == [[[1], [2]], [[2], [3]]]
    assert part.snapshots(every=4)[1].edge_y.tolist() == [2]


def test_keys_that_do_not_fit_in_int64() -> None:
    top = 2**40
    g = TemporalGraph([0, top, 0, top], [top, 0, top, 0], [0, 1, 1, 1], num_nodes=top + 1)
    snapshots = g.snapshots(every=1)
    assert snapshots[0].edge_index.tolist() == [[0], [top]]
    assert snapshots[1].edge_index.tolist() == [[0, top], [top, 0]]
    assert snapshots[1].edge_weight.tolist() == [1, 2]
    grown = g.snapshots(every=1, cumulative=True)
    assert grown[1].edge_weight.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "exactly one of every=, count= and at="),
        ({"every": 1, "count": 2}, "exactly one"),
        ({"every": 0}, "positive"),
        ({"every": "1 fortnight"}, "not a span of time"),
        ({"every": "1ms"}, "not a whole number"),
        ({"count": 0}, "'count'"),
        ({"count": 2.5}, "'count'"),
        ({"count": True}, "'count'"),
        ({"count": 100}, "shorter than one tick"),
        ({"count": 10**9}, "at most"),
        ({"at": [3]}, "at least two"),
        ({"at": [3, 3]}, "row 1: boundaries of intervals must increase"),
        ({"at": [0, 5, 4]}, "row 2: boundaries"),
        ({"at": [0, math.nan]}, "row 1: a boundary is not finite"),
        ({"at": ["a", "b"]}, "increasing times"),
        ({"every": 1, "reduce": "max"}, "sum, mean, last"),
        ({"every": 1, "empty": "drop"}, "'keep', 'skip' or 'raise'"),
        ({"every": 1, "origin": 3}, "after the first event"),
        ({"every": 1, "origin": "noon"}, "'first', 'epoch', 'midnight'"),
        ({"every": 1, "origin": "midnight"}, "goes with days, weeks, months and years"),
        ({"every": 1, "origin": 0.5}, "'origin'"),
        ({"count": 2, "origin": 0}, "every= only"),
    ],
)
def test_what_is_refused(options: dict, words: str) -> None:
    with pytest.raises(GraphError) as error:
        build([(0, 1, 0), (1, 2, 8)]).snapshots(**options)
    assert words in str(error.value)


def test_spans_given_in_the_wrong_unit() -> None:
    g = TemporalGraph([0, 1], [1, 0], [0, 10**18], time_unit="ns")
    with pytest.raises(GraphError, match="1,000,000,001 intervals"):
        g.snapshots(every="1s")
    edge = TemporalGraph([0, 1], [1, 0], [-(2**63), 2**63 - 1])
    with pytest.raises(GraphError, match="does not fit in int64"):
        edge.snapshots(count=3)
    near = TemporalGraph([0], [1], [2**63 - 2])
    with pytest.raises(GraphError, match="beyond int64"):
        near.snapshots(every=10)


def test_a_graph_without_events() -> None:
    g = TemporalGraph([], [], [], signal=torch.zeros(3, 2, 1))
    with pytest.raises(GraphError, match="without events"):
        g.snapshots(count=1)


def test_node_values_of_each_step() -> None:
    changes = {"node": [0, 1, 0], "t": [0, 4, 5], "x": [[1.0], [2.0], [3.0]], "y": [7, 8, 9]}
    g = TemporalGraph([0, 1, 2], [1, 2, 0], [0, 4, 8], x=[[-1.0], [-2.0], [-3.0]],
                      node_type=[0, 1, 0], node_events=changes)  # fmt: skip
    steps = list(g.snapshots(every=4))
    assert [s.x.flatten().tolist() for s in steps] == [[1, -2, -3], [3, 2, -3], [3, 2, -3]]
    assert [s.y.tolist() for s in steps] == [[7, -1, -1], [9, 8, -1], [9, 8, -1]]
    assert steps[0].x_mask.tolist() == [True, False, False]
    assert steps[0].node_type.tolist() == [0, 1, 0]


def test_on_cuda(cuda: torch.device) -> None:
    rows = [(i % 4, (i * 7) % 5, i // 3) for i in range(60)]
    here, there = build(rows), build(rows).to(cuda)
    for cumulative in (False, True):
        for a, b in zip(
            here.snapshots(every=2, cumulative=cumulative),
            there.snapshots(every=2, cumulative=cumulative),
        ):
            assert b.edge_index.is_cuda
            assert torch.equal(a.edge_index, b.edge_index.cpu())
            torch.testing.assert_close(a.edge_attr, b.edge_attr.cpu())
            torch.testing.assert_close(a.edge_weight, b.edge_weight.cpu())


@pytest.mark.parametrize("index", [1.5, "1", None, 1.0])
def test_a_snapshot_has_a_whole_number(index):
    steps = TemporalGraph([0, 1, 0], [1, 2, 2], [0, 1, 2]).snapshots(every=1)
    with pytest.raises(TypeError, match="numbered 0 to 2"):
        steps[index]
    assert torch.equal(steps[np.int64(1)].edge_index, steps[1].edge_index)
    assert torch.equal(steps[torch.tensor(-1)].edge_index, steps[2].edge_index)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 20), st.integers(0, 2)),
        min_size=1, max_size=30,
    ),
    st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_both_directions_and_majorities_against_dictionaries(events, cumulative, typed):
    events = sorted(events, key=lambda e: e[2])
    src, dst, t, y = (list(column) for column in zip(*events))
    weight = [1.0 + i for i in range(len(events))]
    graph = TemporalGraph(
        src, dst, t, edge_y=y, edge_weight=weight, edge_type=[c % 2 for c in y], num_nodes=5,
        edge_attr=[[float(i)] for i in range(len(events))],
    )  # fmt: skip
    columns = ["edge_weight", "edge_y", *(["edge_type"] if typed else [])]
    steps = graph.snapshots(
        at=[0, 7, 14, 21], symmetric=True, columns=columns, cumulative=cumulative,
        reduce={"edge_weight": "sum", "edge_y": "majority"},
    )  # fmt: skip
    for number, step in enumerate(steps):
        votes, total = {}, {}
        for i, (u, v, when, label) in enumerate(events):
            if when >= 7 * (number + 1) or (when < 7 * number and not cumulative):
                continue
            for pair in ((u, v), (v, u)):
                key = (*pair, label % 2) if typed else pair
                votes.setdefault(key, []).append(label)
                total[key] = total.get(key, 0.0) + weight[i]
        keys = list(map(tuple, step.edge_index.t().tolist()))
        if typed:
            keys = [(*k, c) for k, c in zip(keys, step.edge_type.tolist())]
        want = {k: min(set(v), key=lambda c: (-v.count(c), c)) for k, v in votes.items()}
        assert dict(zip(keys, step.edge_y.tolist())) == want
        assert dict(zip(keys, step.edge_weight.tolist())) == pytest.approx(total)
        assert step.edge_attr is None


def test_a_majority_is_one_of_classes():
    graph = TemporalGraph([0, 1], [1, 0], [0, 1], edge_y=[0.5, 1.5])
    with pytest.raises(GraphError, match="'majority' goes with classes"):
        graph.snapshots(count=1, reduce={"edge_y": "majority"})
