"""Graphs put together: the same as one graph of all their rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph

_spec = importlib.util.spec_from_file_location("named", Path(__file__).with_name("named.py"))
named = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(named)
labels, tables = named.labels, named.tables
Same = Callable[..., None]
examples = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@examples
@given(drawn=tables(max_rows=14), data=st.data())
def test_slices_give_the_graph_back(
    drawn: tuple[pd.DataFrame, dict[str, Any]], data: Any, assert_same: Same
) -> None:
    frame, options = drawn
    g = TemporalGraph.from_pandas(frame, **options)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(g)), max_size=4)))
    slices = [g[a:b] for a, b in zip([0, *cuts], [*cuts, len(g)])]
    whole = TemporalGraph.concat(slices)
    assert_same(whole, g)
    assert whole.event_id.tolist() == list(range(len(g)))
    mask = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(g), max_size=len(g))))
    parts = [g.filter_events(mask), g.filter_events(~mask)]
    together = TemporalGraph.concat(parts)
    assert together.t.tolist() == g.t.tolist()
    assert together.num_nodes == g.num_nodes


def test_slices_of_every_part(full: TemporalGraph, assert_same: Same) -> None:
    for cut in (-100, 3, 7, 9, 20, 2**41):
        assert_same(TemporalGraph.concat([full.between(None, cut), full.between(cut)]), full)
    assert_same(TemporalGraph.concat([full[:2], full[2:5], full[5:]]), full)
    mask = full.src == 0
    again = TemporalGraph.concat([full.filter_events(mask), full.filter_events(~mask)])
    assert torch.equal(again.node_events.x, full.node_events.x)
    assert torch.equal(again.signal, full.signal)
    with pytest.raises(GraphError, match=r"'signal': .*overlap or leave a gap"):
        TemporalGraph.concat([full.between(None, 11), full.between(25)])
    assert TemporalGraph.concat([full]) is full


@examples
@given(drawn=tables(min_rows=3, max_rows=14), data=st.data())
def test_append_in_pieces_is_append_at_once(
    drawn: tuple[pd.DataFrame, dict[str, Any]], data: Any, assert_same: Same
) -> None:
    frame, options = drawn
    frame = frame.sort_values("at", kind="stable").reset_index(drop=True)
    cuts = sorted({0, *data.draw(st.lists(st.integers(1, len(frame)), max_size=4)), len(frame)})
    first, *rest = [frame[a:b] for a, b in pairwise(cuts)]
    if "edge_y" in options:
        options = options | {"class_names": {"edge_y": ["sell", "look", "buy"]}}
    unit = {} if frame["at"].dtype.kind == "M" else {"time_unit": "s"}
    g = TemporalGraph.from_pandas(first, **options, **unit)
    pieces = g
    for piece in rest:
        pieces = pieces.append(piece[data.draw(st.permutations(list(piece.columns)))])
    later = frame[cuts[1] :]
    once = g.append(later) if len(later) else g
    assert_same(pieces, once)
    assert labels(once, once.src) == frame["user"].tolist()
    assert labels(once, once.dst) == frame["item"].tolist()
    assert once.node_names[: g.num_nodes].tolist() == g.node_names.tolist()
    whole = TemporalGraph.from_pandas(frame, **options, **unit)
    assert once.t.tolist() == whole.t.tolist()
    for name in ("edge_attr", "edge_y", "edge_weight"):
        mine, other = getattr(once, name), getattr(whole, name)
        assert (mine is None) == (other is None)
        assert mine is None or torch.equal(mine, other)


@examples
@given(drawn=tables(max_rows=8), random=st.randoms())
def test_graphs_of_their_own(drawn: tuple[pd.DataFrame, dict[str, Any]], random: Any) -> None:
    """Each of two graphs has its own numbers of nodes and classes; the result has the rows."""
    frame, options = drawn
    rows = list(range(len(frame)))
    random.shuffle(rows)
    half = len(rows) // 2 or 1
    parts = [frame.iloc[rows[:half]], frame.iloc[rows[half:]]]
    unit = {"time_unit": "s"}
    graphs = [TemporalGraph.from_pandas(p, **options, **unit) for p in parts if len(p)]
    got = TemporalGraph.concat(graphs)
    want = pd.concat(parts).sort_values("at", kind="stable")
    assert labels(got, got.src) == want["user"].tolist()
    assert labels(got, got.dst) == want["item"].tolist()
    if "edge_y" in options:
        assert [got.class_names["edge_y"][y] for y in got.edge_y.tolist()] == want["kind"].tolist()


def graph(**more: Any) -> TemporalGraph:
    return TemporalGraph(**({"src": [0, 1], "dst": [1, 0], "t": [10, 20]} | more))


def test_times_interleave_and_ties_keep_the_order_of_graphs() -> None:
    a = graph(t=[10, 20], edge_attr=[1.0, 2.0])
    b = graph(t=[10, 15], edge_attr=[3.0, 4.0])
    both = TemporalGraph.concat([a, b])
    assert both.t.tolist() == [10, 10, 15, 20]
    assert both.edge_attr.tolist() == [1, 3, 4, 2]
    assert both.event_id.tolist() == [0, 1, 2, 3]
    assert both.tables.edge_attr.tolist() == [1, 3, 4, 2]


def test_units_convert_exactly_or_not_at_all() -> None:
    minutes = graph(t=[1, 2], time_unit="m")
    assert TemporalGraph.concat([graph(), minutes]).t.tolist() == [10, 20, 60, 120]
    assert TemporalGraph.concat([minutes, graph(t=[60, 180])]).t.tolist() == [1, 1, 2, 3]
    with pytest.raises(GraphError, match=r"'t', row 0: .*not a whole number of 'm'"):
        TemporalGraph.concat([minutes, graph()])
    with pytest.raises(GraphError, match="'step'"):
        TemporalGraph.concat([graph(), graph(time_unit="step")])
    with pytest.raises(GraphError, match="int64 times and float64 times"):
        TemporalGraph.concat([graph(), graph(t=[0.5, 1.5])])


def test_columns_are_matched_by_name_and_classes_too() -> None:
    a = graph(
        edge_attr=torch.tensor([[1.0, 2.0], [3.0, 4.0]]), edge_y=[0, 1],
        column_names={"edge_attr": ["p", "q"]}, class_names={"edge_y": ["x", "y"]},
    )  # fmt: skip
    b = graph(
        t=[30, 40], edge_attr=torch.tensor([[5.0, 6.0], [7.0, 8.0]]), edge_y=[0, 1],
        column_names={"edge_attr": ["q", "p"]}, class_names={"edge_y": ["z", "y"]},
    )  # fmt: skip
    both = TemporalGraph.concat([a, b])
    assert both.edge_attr.tolist() == [[1, 2], [3, 4], [6, 5], [8, 7]]
    assert both.class_names["edge_y"] == ("x", "y", "z")
    assert both.edge_y.tolist() == [0, 1, 2, 1]


def test_node_data_of_new_nodes() -> None:
    called = {"column_names": {"x": ["size"], "y": ["kind"]}}
    a = graph(
        node_names=["a", "b"],
        x=torch.tensor([[1.0], [2.0]]),
        y=[0, 1],
        class_names={"y": ["k", "l"]},
        **called,
    )
    b = graph(
        t=[30, 40],
        node_names=["c", "b"],
        x=torch.tensor([[3.0], [2.0]]),
        y=[1, 0],
        class_names={"y": ["l", "m"]},
        **called,
    )
    both = TemporalGraph.concat([a, b])
    assert both.node_names.tolist() == ["a", "b", "c"]
    assert both.x.tolist() == [[1], [2], [3]]
    assert both.y.tolist() == [0, 1, 2]
    assert both.src.tolist() == [0, 1, 2, 1]
    assert both.class_names["y"] == ("k", "l", "m")
    new = pd.DataFrame({"src": ["a", "d"], "dst": ["d", "a"], "t": [50, 60]})
    nodes = pd.DataFrame({"kind": ["k"], "size": [9.0]}, index=["d"])
    grown = both.append(new, nodes=nodes)
    assert grown.x.tolist() == [[1], [2], [3], [9]]
    assert grown.y.tolist() == [0, 1, 2, 0]
    assert both.append(new.replace("d", "c")).num_nodes == 3
    for wrong, words in (
        (None, "1 nodes are new and have no x, y.*Pass nodes=table"),
        (nodes.rename(index={"d": "e"}), "no row for the new node 'd'"),
        (pd.concat([nodes, nodes.rename(index={"d": "a"})]), "row 1: a row belongs to no new node"),
        (nodes.drop(columns="size"), "'size': there is no such column"),
    ):
        with pytest.raises(GraphError, match=words):
            both.append(new, nodes=wrong)
    other = graph(t=[30, 40], node_names=["a", "b"], x=torch.tensor([[1.0], [5.0]]), y=[0, 0],
                  class_names={"y": ["k", "l"]})  # fmt: skip
    with pytest.raises(GraphError, match="'x', row 1: a node has other values"):
        TemporalGraph.concat([a, other])


def test_new_sources_renumber_no_destination() -> None:
    frame = pd.DataFrame({"src": [1, 2], "dst": [1, 7], "t": [0, 1]})
    g = TemporalGraph.from_pandas(frame, bipartite=True)
    assert (g.src.tolist(), g.dst.tolist()) == ([0, 1], [2, 3])
    more = g.append(pd.DataFrame({"src": [3, 1], "dst": [7, 2], "t": [2, 3]}))
    assert more.node_names.tolist() == [1, 2, 1, 7, 3, 2]
    assert more.node_space.tolist() == [False, False, True, True, False, True]
    assert (more.src.tolist(), more.dst.tolist()) == ([0, 1, 4, 0], [2, 3, 3, 5])
    assert more.num_src_nodes == 3
    ids = TemporalGraph.from_pandas(frame, bipartite=True, ids="as_is")
    assert ids.node_names.tolist() == [0, 1, 2, *range(8)]
    assert ids.dst.tolist() == [4, 10]


def test_signals_follow_and_recordings_are_numbered_on() -> None:
    def session(start: int, order: list[int], **more: Any) -> TemporalGraph:
        signal = torch.arange(6.0).reshape(2, 3, 1) + start
        return TemporalGraph(
            [], [], [], signal=signal[:, order], signal_t=[start, start + 1],
            signal_recording=[0, 1], recordings={"y": [0, 1], "who": ["a", f"b{start}"]},
            node_names=np.array(["x", "y", "z"])[order],
            **more,
        )  # fmt: skip

    a, b = session(0, [0, 1, 2]), session(10, [2, 0, 1])
    both = TemporalGraph.concat([a, b])
    assert both.signal[..., 0].tolist() == [[0, 1, 2], [3, 4, 5], [10, 11, 12], [13, 14, 15]]
    assert both.signal_t.tolist() == [0, 1, 10, 11]
    assert both.signal_recording.tolist() == [0, 1, 2, 3]
    assert both.recordings["y"].tolist() == [0, 1, 0, 1]
    assert both.recordings["who"].tolist() == ["a", "b0", "a", "b10"]
    masked = session(10, [2, 0, 1], signal_mask=torch.tensor([[[1], [0], [1]]] * 2).bool())
    assert TemporalGraph.concat([a, masked]).signal_mask[2, :, 0].tolist() == [False, True, True]
    with pytest.raises(GraphError, match=r"'signal_t', row 0: .*do not follow"):
        TemporalGraph.concat([b, a])
    other = TemporalGraph([], [], [], signal=torch.zeros(2, 3, 1), signal_t=[20, 21],
                          node_names=["x", "y", "w"])  # fmt: skip
    with pytest.raises(GraphError, match="the signals have different nodes"):
        TemporalGraph.concat([a, other])
    links = TemporalGraph([0], [1], [5], node_names=["x", "y", "z"])
    assert TemporalGraph.concat([a, links]).num_recordings == 2
    with pytest.raises(GraphError, match="'signal': one graph has readings"):
        TemporalGraph.concat([links, a])


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ({"node_names": ["a", "b"]}, {}, "'node_names': one graph has it"),
        ({"node_space": [False, True], "src": [0, 0], "dst": [1, 1]}, {}, "'node_space'"),
        ({"edge_attr": [1.0, 2.0]}, {}, "'edge_attr': one graph has this column"),
        ({}, {"edge_weight": [1.0, 2.0]}, "'edge_weight': one graph has this column"),
        ({"edge_attr": [1.0, 2.0]}, {"edge_attr": [1, 2]}, "differ in width or type"),
        ({"edge_attr": [[1.0], [2.0]]}, {"edge_attr": [1.0, 2.0]}, "differ in width or type"),
        ({"x": [1, 2]}, {"src": [0, 2], "dst": [1, 1]}, "'x': 1 nodes are new and have no x"),
        ({}, {"x": [1, 2]}, "'x': the later graph has this column"),
        ({"edge_y": [0, 1], "class_names": {"edge_y": ["a", "b"]}}, {"edge_y": [0, 1]},
         "one graph has names of classes"),
        ({"edge_attr": [1.0, 2.0], "column_names": {"edge_attr": "p"}},
         {"edge_attr": [1.0, 2.0], "column_names": {"edge_attr": "q"}}, "of the columns differ"),
        ({"node_events": {"node": [0], "t": [1], "x": [1.0]}},
         {"node_events": {"node": [0], "t": [1], "y": [1.0]}}, "'node_events.x'"),
    ],
)  # fmt: skip
def test_what_is_refused(a: dict, b: dict, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        TemporalGraph.concat([graph(**a), graph(**({"t": [30, 40]} | b))])


def test_no_graph() -> None:
    with pytest.raises(GraphError, match="nothing to put together"):
        TemporalGraph.concat([])
    with pytest.raises(GraphError, match="'graphs', row 1: not a TemporalGraph"):
        TemporalGraph.concat([graph(), 3])
