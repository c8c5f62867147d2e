"""The last value of each node against a dict."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphkit import TemporalGraph
from graphkit.data.node_values import NodeValues

changes = st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 5)), max_size=20)


def graph(rows: list[tuple], **more: object) -> TemporalGraph:
    node, t = zip(*rows) if rows else ((), ())
    values = torch.arange(len(rows)).float()
    events = {"node": node, "t": t, "x": values.view(-1, 1), "y": values.long()}
    return TemporalGraph([0], [1], [0], num_nodes=5, node_events=events, **more)


@given(changes, st.integers(-6, 6) | st.none())
def test_last_value_before_a_time(rows: list[tuple], before: int | None) -> None:
    g = graph(rows)
    want: dict[int, float] = {}
    for node, t, x in zip(*(getattr(g.node_events, k).tolist() for k in ("node", "t", "x"))):
        if before is None or t < before:
            want[node] = x[0]
    data = Data()
    NodeValues(g).write(data, before)
    assert data.x.flatten().tolist() == [want.get(v, 0) for v in range(5)]
    assert data.y.tolist() == [want.get(v, -1) for v in range(5)]
    assert data.x_mask.tolist() == data.y_mask.tolist() == [v in want for v in range(5)]


def test_a_slice_remembers_but_does_not_look_ahead() -> None:
    g = graph([(0, -3), (1, 0), (2, 3)])
    data = Data()
    NodeValues(g.between(-1, 2)).write(data, None)
    assert data.x_mask.tolist() == [True, True, False, False, False]


def test_static_features_of_another_shape() -> None:
    g = graph([(0, 0)], x=torch.ones(5, 3), y=torch.arange(5))
    data = Data()
    NodeValues(g).write(data, 1)
    assert torch.equal(data.x_static, torch.ones(5, 3))
    assert data.x.shape == (5, 1)
    assert data.y.tolist() == [0, 1, 2, 3, 4]


def test_without_node_events_columns_are_shared() -> None:
    g = TemporalGraph([0], [1], [0], x=torch.ones(2, 3), y=[0, 1])
    data = Data()
    NodeValues(g).write(data, 0)
    assert data.x.data_ptr() == g.x.data_ptr()
    assert sorted(data.to_dict()) == ["x", "y"]


def test_nearly_equal_float_times() -> None:
    later = torch.nextafter(torch.tensor(1.0, dtype=torch.float64), torch.tensor(2.0).double())
    g = graph([(0, 1.0), (0, later.item())])
    data = Data()
    NodeValues(g).write(data, later.item())
    assert data.x[0] == 0
    NodeValues(g).write(data, None)
    assert data.x[0] == 1
