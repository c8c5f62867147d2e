"""Tables and graphs that this library wrote, edited before they are read again: what was edited is
read, and what does not fit in the types that are remembered is refused."""

from __future__ import annotations

import networkx as nx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkit import TemporalGraph
from graphkit.errors import GraphError

COLUMNS = {"edge_type": [1, 2, 1], "edge_y": [0, 1, 1], "edge_weight": [0.5, 1.0, 2.0]}


def graph() -> TemporalGraph:
    return TemporalGraph([0, 1, 2], [1, 2, 0], [3, 5, 8], node_names=["a", "b", "c"], **COLUMNS)


VALUES = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from([0.5, 2**53 + 1, 2.0, True]),
)


@given(st.sampled_from(sorted(COLUMNS)), st.integers(0, 2), VALUES)
def test_a_changed_value_is_read_or_refused(name, row, value):
    table = graph().to_pandas()
    facts = table.attrs
    table[name] = [value if at == row else old for at, old in enumerate(table[name])]
    table.attrs = facts
    theirs = graph().to_networkx()
    list(theirs.edges(data=True))[row][2][name] = value
    held = table[name].iloc[row]  # beside floats pandas makes a float of an integer
    for read, expected in (
        (lambda: TemporalGraph.from_pandas(table, "src", "dst", "t"), held),
        (lambda: TemporalGraph.from_networkx(theirs), value),
    ):
        try:
            again = read()
        except GraphError:
            continue
        assert getattr(again, name)[row].item() == expected


@pytest.mark.parametrize("name", ["edge_type", "edge_y"])
def test_half_an_integer_is_refused_with_its_row(name):
    table = graph().to_pandas()
    facts = table.attrs
    table[name] = table[name] + [0, 0.5, 0]
    table.attrs = facts
    said = rf"'{name}', row 1: .*expected int64; got [12]\.5.*{name}=\.\.\."
    with pytest.raises(GraphError, match=said):
        TemporalGraph.from_pandas(table, "src", "dst", "t")
    if name == "edge_y":  # what the message says; types are integers in any case
        named = TemporalGraph.from_pandas(table, "src", "dst", "t", edge_y="edge_y")
        assert named.edge_y.tolist() == [0, 1.5, 1]


@pytest.mark.parametrize("names", [["alice", "b", "c"], ["a", "b", 7], ["aa", "ab", "ac"]])
def test_renamed_nodes_of_networkx_keep_their_names(names):
    theirs = nx.relabel_nodes(graph().to_networkx(), dict(zip("abc", names)))
    again = TemporalGraph.from_networkx(theirs)
    pairs = [(again.node_names[u], again.node_names[v]) for u, v in zip(again.src, again.dst)]
    assert pairs == [(names[0], names[1]), (names[1], names[2]), (names[2], names[0])]


@pytest.mark.parametrize("shape", [[1, 2, 3], [-2], [2**70], None, "x"])
def test_a_shape_that_is_none_is_damage(shape):
    theirs = graph().to_networkx()
    theirs.graph["graphkit"]["edge_y"]["shape"] = shape
    with pytest.raises(GraphError, match="networkx graph is damaged"):
        TemporalGraph.from_networkx(theirs)


def test_edited_frames_stay_what_they_are():
    table = graph().to_pandas()
    again = TemporalGraph.from_pandas(table, "src", "dst", "t")
    pd.testing.assert_frame_equal(again.to_pandas(), table)
