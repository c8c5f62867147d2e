"""The static view: what happened before a time, as it is or merged."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph

rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-9, 9)), min_size=1, max_size=20
)


@given(rows, st.integers(-10, 10) | st.none())
def test_events_before_a_time(rows: list, at: int | None) -> None:
    src, dst, t = zip(*rows)
    g = TemporalGraph(src, dst, t, edge_attr=torch.arange(len(rows)).view(-1, 1), num_nodes=6)
    past = [i for i in range(len(g)) if at is None or g.t[i] < at]
    data = g.static(at)
    assert data.edge_index.tolist() == [g.src[past].tolist(), g.dst[past].tolist()]
    assert data.edge_attr.tolist() == g.edge_attr[past].tolist()
    assert data.num_nodes == 6
    data.validate()
    merged = g.static(at, coalesce=True)
    want: dict[tuple, int] = {}
    for i in past:
        pair = (g.src[i].item(), g.dst[i].item())
        want[pair] = want.get(pair, 0) + g.edge_attr[i].item()
    assert [tuple(p) for p in merged.edge_index.t().tolist()] == sorted(want)
    assert merged.edge_attr.flatten().tolist() == [want[p] for p in sorted(want)]
    assert merged.is_coalesced()


def test_columns_are_views(full: TemporalGraph) -> None:
    data = full.static()
    for name in ("edge_attr", "edge_weight", "edge_type", "edge_y", "node_type"):
        assert data[name].data_ptr() == getattr(full, name).data_ptr()
    assert data.edge_time.data_ptr() == full.t.data_ptr()


def test_a_static_graph_has_no_edge_times() -> None:
    assert "edge_time" not in TemporalGraph([0, 1], [1, 0], [0, 0]).static()
    assert TemporalGraph([0, 1], [1, 0], [3, 3]).static().edge_time.tolist() == [3, 3]


def test_node_values_up_to_the_time(full: TemporalGraph) -> None:
    early = full.static(at=4)
    assert early.y_mask.tolist() == [False] * 5 + [True]
    assert early.y[5] == 1.5
    assert full.static().y[0] == 0.5
    torch.testing.assert_close(early.x[5], full.node_events.x[0].float())


def test_a_graph_of_signals_only() -> None:
    g = TemporalGraph([], [], [], signal=torch.zeros(3, 2, 1))
    assert g.static().edge_index.shape == (2, 0)
    assert g.static(coalesce=True).edge_weight.shape == (0,)
    assert g.static().num_nodes == 2


def test_unknown_reduction(full: TemporalGraph) -> None:
    with pytest.raises(GraphError, match="sum, mean, last"):
        full.static(coalesce=True, reduce="product")
