"""networkx to graphs and back."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import networkx as nx
import pytest
import torch

from graphkit import GraphError, TemporalGraph

Same = Callable[..., None]


def test_round_trip(events: TemporalGraph, assert_same: Same) -> None:
    out = events.to_networkx()
    assert isinstance(out, nx.MultiDiGraph)
    assert out.number_of_edges() == 6
    assert list(out) == [0, 1, 2, 3, 4, 5]
    assert_same(TemporalGraph.from_networkx(out), events)
    assert_same(TemporalGraph.from_networkx(out.copy()), events)


@pytest.mark.filterwarnings("ignore:networkx has no place")
def test_round_trip_with_labels_and_node_data(full: TemporalGraph, assert_same: Same) -> None:
    out = full.to_networkx()
    assert list(out) == full.node_names.tolist()
    assert out.nodes["ü"]["x"] == full.x[2].tolist()
    left_out = ("node_events", "signal", "signal_t", "signal_mask")
    assert_same(TemporalGraph.from_networkx(out), full, *left_out)
    plain = full.to_networkx(labels=False)
    assert list(plain) == list(range(6))
    assert_same(TemporalGraph.from_networkx(plain), full, "node_names", *left_out)


def test_what_has_no_place_is_named(full: TemporalGraph) -> None:
    with pytest.warns(UserWarning, match="networkx has no place for node_events, signal"):
        full.to_networkx()


def test_float_times_and_odd_types(assert_same: Same) -> None:
    for g in (
        TemporalGraph([0, 1, 0], [1, 0, 1], [0.1, 1 / 3, 1 / 3], time_unit="h"),
        TemporalGraph([0], [1], [0], edge_attr=torch.randn(1, 2, 2).bfloat16(), num_nodes=3),
        TemporalGraph([0], [1], [2**62], edge_y=torch.tensor([True])),
        TemporalGraph([0], [1], [0], node_names=[(1, 2), "b"]),
    ):
        assert_same(TemporalGraph.from_networkx(g.to_networkx()), g)


def test_attributes_by_name() -> None:
    graph = nx.MultiDiGraph()
    graph.add_node("b", size=3.0, kind=1, up=True)
    graph.add_node("a", size=1.0, kind=0, up=False)
    graph.add_edge("a", "b", when=5, w=0.5, kind=1, cost=2.0)
    graph.add_edge("b", "a", when=2, w=1.5, kind=0, cost=4.0)
    g = TemporalGraph.from_networkx(
        graph, "when", edge_weight="w", edge_attr=["w", "cost"], edge_type="kind", edge_y="cost",
        x=["size", "kind"], y="kind", node_type="up", time_unit="d", name="toy",
    )  # fmt: skip
    assert g.node_names.tolist() == ["b", "a"]
    assert g.src.tolist() == [0, 1]
    assert g.t.tolist() == [2, 5]
    assert g.edge_weight.tolist() == [1.5, 0.5]
    assert g.edge_attr.tolist() == [[1.5, 4], [0.5, 2]]
    assert g.edge_attr.dtype == torch.float32
    assert g.edge_type.tolist() == [0, 1]
    assert g.x.tolist() == [[3, 1], [1, 0]]
    assert g.y.tolist() == [1, 0]


def test_undirected_graphs_go_both_ways() -> None:
    graph = nx.Graph()
    graph.add_edge(0, 1, t=1, w=2)
    graph.add_edge(1, 1, t=3, w=5)
    g = TemporalGraph.from_networkx(graph, edge_weight="w")
    assert list(zip(g.src.tolist(), g.dst.tolist(), g.t.tolist(), g.edge_weight.tolist())) == [
        (0, 1, 1, 2),
        (1, 0, 1, 2),
        (1, 1, 3, 5),
    ]
    once = TemporalGraph.from_networkx(graph, both_directions=False)
    assert list(zip(once.src.tolist(), once.dst.tolist())) == [(0, 1), (1, 1)]
    many = nx.MultiGraph([(0, 1, {"t": 1}), (0, 1, {"t": 2})])
    assert len(TemporalGraph.from_networkx(many)) == 4


def test_static_graphs_and_dates() -> None:
    club = TemporalGraph.from_networkx(nx.karate_club_graph(), None, edge_weight="weight")
    assert club.is_static
    assert len(club) == 2 * 78
    assert club.num_nodes == 34
    assert club.node_names is None
    days = nx.DiGraph()
    days.add_edge(0, 1, t=datetime.datetime(2020, 1, 2))
    days.add_edge(1, 0, t=datetime.datetime(2020, 1, 1))
    g = TemporalGraph.from_networkx(days)
    assert g.t.tolist() == [1577836800, 1577923200]
    assert str(g.time_unit) == "s"


def test_what_is_refused() -> None:
    graph = nx.DiGraph()
    graph.add_edge(0, 1, t=1)
    graph.add_edge(1, 2, time=1)
    with pytest.raises(GraphError, match=r"'t', row 1: .*expected one of t, time.*time=None"):
        TemporalGraph.from_networkx(graph)
    with pytest.raises(GraphError, match="'size', row 0: this attribute is missing on a node"):
        TemporalGraph.from_networkx(graph, None, x="size")
    with pytest.raises(GraphError, match="the graph is empty"):
        TemporalGraph.from_networkx(nx.DiGraph())
    alone = nx.DiGraph()
    alone.add_edge(0, 1, t="monday")
    with pytest.raises(GraphError, match="neither numbers nor dates"):
        TemporalGraph.from_networkx(alone)


@pytest.mark.parametrize("value", [None, 3, "x", [], {"a": 1}, -5, [1.5]])
def test_a_damaged_attribute_is_named(events: TemporalGraph, value: object) -> None:
    out = events.to_networkx()
    meta = out.graph["graphkit"]
    changed = [meta | {key: value} for key in meta]
    changed += [{k: v for k, v in meta.items() if k != key} for key in meta]
    refused = 0
    for one in (value, *changed):
        out.graph["graphkit"] = one
        try:
            TemporalGraph.from_networkx(out)
        except GraphError:
            refused += 1
    assert refused > 1
    out.graph["graphkit"] = [1]
    with pytest.raises(GraphError, match=r"'graphkit': .*damaged.*delete graph\.graph"):
        TemporalGraph.from_networkx(out)
