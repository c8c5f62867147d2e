"""Infinity is refused where it enters a graph, with its row and its place in the row."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphkit import TemporalGraph
from graphkit.data.inputs import check_finite
from graphkit.errors import GraphError

EVENTS = {"src": [0, 1, 2], "dst": [1, 2, 0], "t": [0, 1, 2]}
INF = float("inf")
ROWS = {"edge_attr": 3, "edge_y": 3, "edge_weight": 3, "x": 3, "y": 3}


@pytest.mark.parametrize("value", [INF, -INF])
@pytest.mark.parametrize("column", ROWS)
def test_a_column(column, value):
    values = np.zeros(3, dtype=np.float32)
    TemporalGraph(**EVENTS, **{column: values})
    values[1] = value
    with pytest.raises(GraphError, match=rf"'{column}', row 1: a value is infinite.*got -?inf"):
        TemporalGraph(**EVENTS, **{column: values})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.integers(0, 2), st.sampled_from([INF, -INF, float("nan")]))
def test_row_and_place(row, column, value):
    values = torch.zeros(6, 3)
    check_finite(values, "x")
    values[row, column] = value
    with pytest.raises(GraphError, match=rf"'x', row {row}: .*in column {column}"):
        check_finite(values, "x")


def test_an_overflow_to_float16_is_refused():
    with np.errstate(over="ignore"):
        x = np.array([[1.0], [70000.0], [0.0]]).astype(np.float16)
    with pytest.raises(GraphError, match="row 1: a value is infinite"):
        TemporalGraph(**EVENTS, x=x)


def test_node_events():
    changes = {"node": [0, 1], "t": [0, 1], "x": [[1.0], [INF]]}
    with pytest.raises(GraphError, match=r"'node_events\.x', row 1: a value is infinite"):
        TemporalGraph(**EVENTS, node_events=changes)


def test_a_recordings_column():
    with pytest.raises(GraphError, match=r"'recordings\.age', row 1: a value is infinite"):
        TemporalGraph(
            [], [], [], signal=np.zeros((4, 2)), signal_recording=[0, 0, 1, 1],
            recordings={"age": [1.0, INF]},
        )  # fmt: skip


def test_a_reading():
    signal = np.zeros((5, 2, 3))
    signal[1, 0, 0] = np.nan  # missing
    signal[3, 1, 2] = -INF
    with pytest.raises(GraphError, match=r"'signal', row 3: .*infinite.*-inf in column 1, 2"):
        TemporalGraph([], [], [], signal=signal)
    mask = np.ones((5, 2, 3), dtype=bool)
    mask[3, 1, 2] = False  # said to be missing
    graph = TemporalGraph([], [], [], signal=signal, signal_mask=mask)
    assert bool(graph.signal.isfinite().all())
    assert (~graph.signal_mask).nonzero().tolist() == [[1, 0, 0], [3, 1, 2]]
    by_node = mask[..., 0].copy()
    by_node[3, 1] = False
    graph = TemporalGraph([], [], [], signal=signal, signal_mask=by_node)
    assert bool(graph.signal.isfinite().all())
    with pytest.raises(GraphError, match="'signal', row 3"):
        TemporalGraph([], [], [], signal=signal, signal_mask=np.ones((5, 2), dtype=bool))


def test_tables():
    frame = pd.DataFrame({"src": [0, 1], "dst": [1, 0], "t": [0, 1], "amount": [1.0, INF]})
    with pytest.raises(GraphError, match="row 1: a value is infinite"):
        TemporalGraph.from_pandas(frame, edge_attr=["amount"])
    graph = TemporalGraph.from_pandas(frame.replace(INF, 2.0), edge_attr=["amount"])
    with pytest.raises(GraphError, match="row 1: a value is infinite"):
        graph.append(frame.assign(t=[2, 3]))
    with pytest.raises(GraphError, match="row 1: a value is infinite"):  # once it is a float32
        graph.append(frame.assign(t=[2, 3], amount=[1.0, 1e39]))


def test_pyg():
    data = Data(x=torch.tensor([[1.0], [INF]]), edge_index=torch.tensor([[0], [1]]))
    with pytest.raises(GraphError, match="'x', row 1: a value is infinite"):
        TemporalGraph.from_pyg(data)
