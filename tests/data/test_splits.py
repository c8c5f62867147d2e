"""Splits against exact arithmetic by hand, and the promises of the inductive protocol."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph

hundredths = st.integers(0, 60)


def stream(times: Any, **more: Any) -> TemporalGraph:
    return TemporalGraph([0] * len(times), [1] * len(times), times, **more)


def quantile(times: list, q: Fraction) -> Fraction:
    """The linear quantile, numpy's default, in exact arithmetic."""
    ordered = sorted(map(Fraction, times))
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


# -------------------------------------------------------------------- by time
@given(
    st.lists(st.integers(-6, 6), min_size=1, max_size=60)
    | st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=60)
    | st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=60),
    hundredths,
    hundredths,
)
def test_split_is_exact(times: list, val: int, test: int) -> None:
    assume(val + test < 100)
    split = stream(times).split(val=val / 100, test=test / 100)
    first = quantile(times, 1 - Fraction(val + test, 100))
    second = quantile(times, 1 - Fraction(test, 100))
    ordered = sorted(times)
    assert split.train.t.tolist() == [t for t in ordered if t <= first]
    assert split.val.t.tolist() == [t for t in ordered if first < t <= second]
    assert split.test.t.tolist() == [t for t in ordered if t > second]
    assert len(split.train) > 0
    assert split.train.event_id.tolist() == list(range(len(split.train)))


@pytest.mark.parametrize("val, test", [(0.15, 0.15), (0.1, 0.2), (0.2, 0.2), (0.05, 0.1)])
def test_split_is_that_of_numpy_on_real_clocks(val: float, test: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(400):
        # Seconds since 1970, where numpy's own rounding is far below one tick.
        t = np.sort(1_000_000_000 + rng.integers(0, rng.integers(2, 10**8), rng.integers(1, 3000)))
        split = stream(t).split(val, test)
        first, second = np.quantile(t, [1 - val - test, 1 - test])
        assert len(split.train) == (t <= first).sum()
        assert len(split.val) == ((t > first) & (t <= second)).sum()
        assert len(split.test) == (t > second).sum()


def test_one_time_is_never_parted() -> None:
    split = stream([1, 2, 2, 2, 2, 2, 2, 2, 2, 3]).split(0.3, 0.3)
    assert [len(s) for s in split] == [9, 0, 1]
    assert [len(s) for s in stream([5, 5, 5, 5]).split(0.25, 0.25)] == [4, 0, 0]


def test_large_float_and_negative_times() -> None:
    big = 2**60
    split = stream([big, big + 1, big + 2, big + 3]).split(0.25, 0.25)
    assert [s.t.tolist() for s in split] == [[big, big + 1], [big + 2], [big + 3]]
    step = math.nextafter(1.0, 2)
    assert [s.t.tolist() for s in stream([1.0, step]).split(0.0, 0.5)] == [[1.0], [], [step]]
    assert [s.t.tolist() for s in stream([-3, -2, -1]).split(0.3, 0.3)] == [[-3], [-2], [-1]]
    top = 2**63 - 1
    assert [len(s) for s in stream([0, top]).split(0, 0)] == [2, 0, 0]


def test_fractions_are_decimal() -> None:
    # 1 - 0.9 is below 0.1 in floats: a split that trusts them loses the event at the border.
    assert len(stream(list(range(11))).split(val=0.9, test=0).train) == 2
    for n in (91, 171, 181, 331, 341):  # where 0.7 * (n - 1) falls just short in floats
        assert len(stream(list(range(n))).split(0.15, 0.15).train) == 7 * (n - 1) // 10 + 1


def test_parts_of_a_slice_share_its_storage() -> None:
    g = stream(list(range(10)), edge_attr=np.arange(10.0))
    split = g[2:8].split(val=0.2, test=0.2)
    assert [s.t.tolist() for s in split] == [[2, 3, 4, 5], [6], [7]]
    for part in split:
        assert part.columns is g.columns
    assert split.test.edge_attr.data_ptr() == g.edge_attr[7:].data_ptr()
    assert split.train.columns is split[0].columns


def test_node_events_and_signal_are_cut_at_the_same_times() -> None:
    g = TemporalGraph(
        [0] * 10,
        [1] * 10,
        range(10),
        node_events={"node": [0, 1, 0], "t": [5, 6, 9]},
        signal=np.zeros((20, 2)),
        signal_t=np.arange(20) / 2,
    )
    split = g.split(0.2, 0.2)
    assert [s.t_max for s in split] == [5, 7, 9]
    assert [s.node_events.t.tolist() for s in split] == [[5], [6], [9]]
    assert [s.signal_t.tolist() for s in split] == [
        [k / 2 for k in range(12)],
        [6, 6.5, 7, 7.5],
        [8, 8.5, 9, 9.5],
    ]


def test_without_events_the_signal_or_the_node_events_are_split() -> None:
    signal = TemporalGraph([], [], [], signal=np.zeros((10, 2)))
    assert [len(s.signal_t) for s in signal.split(0.2, 0.2)] == [6, 2, 2]
    changes = TemporalGraph([], [], [], node_events={"node": [0] * 5, "t": range(5)})
    assert [s.node_events.t.tolist() for s in changes.split(0.2, 0.2)] == [[0, 1, 2], [3], [4]]


@pytest.mark.parametrize("value", [-0.1, 1.5, "0.1", None, math.nan, True, [0.1], math.inf])
def test_bad_fractions(value: Any) -> None:
    for name in ("val", "test"):
        with pytest.raises(GraphError, match=f"'{name}': not a fraction"):
            stream([1, 2, 3]).split(**{name: value})


def test_nothing_to_train_on_or_nothing_at_all() -> None:
    with pytest.raises(GraphError, match="nothing to train on"):
        stream([1, 2, 3]).split(0.5, 0.5)
    with pytest.raises(GraphError, match="an empty graph cannot be split"):
        stream([1, 2, 3])[3:].split()


# -------------------------------------------------------------------- held-out nodes
pairs = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), min_size=2, max_size=60)


def graph_of(rows: list[tuple[int, int]]) -> TemporalGraph:
    return TemporalGraph(
        [u for u, _ in rows], [v for _, v in rows], range(len(rows)), edge_y=range(len(rows))
    )


@given(pairs, st.integers(1, 99), st.integers(0, 90), st.integers(0, 5))
def test_no_seen_event_touches_a_held_out_node(
    rows: list[tuple[int, int]], fraction: int, after: int, seed: int
) -> None:
    g = graph_of(rows)
    border = after * (len(rows) - 1) // 100
    late = {n for i, row in enumerate(rows) if i > border for n in row}
    present = {n for row in rows for n in row}
    count = min(fraction * len(present) // 100, len(late))
    options = {"fraction": fraction / 100, "after": after / 100, "seed": seed}
    if count == 0:
        with pytest.raises(GraphError, match="no node would be held out"):
            g.hold_out_nodes(**options)
        return
    try:
        held = g.hold_out_nodes(**options)
    except GraphError:  # every event touches a held-out node: dense little graphs
        assume(False)
    nodes = held.nodes.tolist()
    assert len(nodes) == len(set(nodes)) == count
    assert nodes == sorted(nodes)
    assert set(nodes) <= late
    assert held.is_held_out.tolist() == [n in nodes for n in range(g.num_nodes)]
    kept = [i for i, (u, v) in enumerate(rows) if u not in nodes and v not in nodes]
    assert held.seen.event_id.tolist() == kept
    assert list(zip(held.seen.src.tolist(), held.seen.dst.tolist())) == [rows[i] for i in kept]
    assert torch.equal(held.seen.tables.edge_y[held.seen.event_id], held.seen.edge_y)
    assert held.seen.num_nodes == g.num_nodes
    assert held.full is g
    touched = held.touches(g.src, g.dst).tolist()
    assert [i for i, touch in enumerate(touched) if not touch] == kept


def test_the_choice_follows_the_seed_alone() -> None:
    rng = np.random.default_rng(3)
    g = TemporalGraph(rng.integers(0, 200, 2000), rng.integers(0, 200, 2000), np.arange(2000))
    one = g.hold_out_nodes(0.1, seed=1).nodes
    torch.rand(100)  # the global state is neither read nor moved
    before = torch.get_rng_state()
    assert torch.equal(g.hold_out_nodes(0.1, seed=1).nodes, one)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(g.hold_out_nodes(0.1, seed=2).nodes, one)
    assert len(one) == 20
    counts = torch.zeros(200)
    for seed in range(300):
        counts[g.hold_out_nodes(0.1, seed=seed).nodes] += 1
    assert counts.min() > 10  # 30 expected of each
    assert counts.max() < 55


def test_nodes_by_name() -> None:
    g = graph_of([(0, 1), (1, 2), (2, 3), (0, 3)])
    for nodes in ([3], np.array([3]), torch.tensor([3], dtype=torch.int32), (3,)):
        held = g.hold_out_nodes(nodes=nodes)
        assert held.nodes.tolist() == [3]
        assert held.seen.event_id.tolist() == [0, 1]
    assert g.hold_out_nodes(nodes=[3, 2]).nodes.tolist() == [2, 3]
    assert g.hold_out_nodes(nodes=[]).seen.event_id.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "nodes, row, words",
    [
        ([1, 2, 1], 2, "listed twice; got 1"),
        ([0, 9], 1, "too large; expected below num_nodes=4; got 9. Name nodes"),
        ([0, -1], 1, "negative"),
        ([0.5], 0, "not an integer"),
        ([True, False, False, False], None, "mask.nonzero"),
        ([[0]], None, "one column"),
        ({0}, None, "got set"),
        ([0, 1, 2, 3], None, "every event touches"),
    ],
)
def test_bad_nodes(nodes: Any, row: int | None, words: str) -> None:
    with pytest.raises(GraphError, match=words) as caught:
        graph_of([(0, 1), (1, 2), (2, 3), (0, 3)]).hold_out_nodes(nodes=nodes)
    assert (caught.value.column, caught.value.row) == ("hold_out", row)


@pytest.mark.parametrize(
    "options, column",
    [
        ({"fraction": 0}, "fraction"),
        ({"fraction": 1.5}, "fraction"),
        ({"fraction": "0.1"}, "fraction"),
        ({"fraction": 0.01}, "fraction"),
        ({"fraction": 0.5, "after": 2}, "after"),
        ({"fraction": 0.5, "after": -0.1}, "after"),
        ({"fraction": 0.5, "after": 1}, "fraction"),  # nobody comes after the last event
    ],
)
def test_bad_fraction_of_nodes(options: dict[str, Any], column: str) -> None:
    with pytest.raises(GraphError) as caught:
        graph_of([(0, 1), (1, 2), (2, 3), (0, 3)]).hold_out_nodes(**options)
    assert caught.value.column == column


def test_hold_out_of_nothing() -> None:
    with pytest.raises(GraphError, match="no nodes to hold out"):
        graph_of([(0, 1), (1, 2)])[2:].hold_out_nodes()
