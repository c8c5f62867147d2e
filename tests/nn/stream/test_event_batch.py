from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import TemporalData

from graphkit.data import EventBatch
from graphkit.errors import GraphError
from graphkit.nn.stream import EventColumns


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4)), max_size=8),
    st.booleans(),
    st.sampled_from([torch.int64, torch.float64]),
)
def test_order_is_by_time_then_id_then_place(rows, with_ids: bool, dtype: torch.dtype):
    t = torch.tensor([t for t, _ in rows], dtype=dtype)
    ids = torch.tensor([i for _, i in rows], dtype=torch.int64)
    place = torch.arange(len(rows))
    batch = SimpleNamespace(src=place, dst=place + 10, t=t, edge_attr=place * 0.5)
    if with_ids:
        batch.event_id = ids
    columns = EventColumns.of(batch, 1)
    expected = sorted(range(len(rows)), key=lambda i: rows[i] if with_ids else rows[i][0])
    assert columns.src.tolist() == expected
    assert columns.dst.tolist() == [i + 10 for i in expected]
    assert columns.t.tolist() == [rows[i][0] for i in expected]
    assert columns.edge_attr.flatten().tolist() == [i * 0.5 for i in expected]
    assert len(columns) == len(rows)


def test_a_batch_in_order_is_not_copied():
    at = torch.arange(4)
    columns = EventColumns.of(EventBatch(at, at, at, at))
    assert columns.src is columns.dst is columns.t is at
    assert columns.edge_attr is None


def test_features_of_any_container_and_shape():
    at = torch.arange(3)
    for name in ("edge_attr", "msg"):
        for shape, width in (((3,), 1), ((3, 2), 2), ((3, 2, 2), 4)):
            value = torch.randn(shape)
            batch = SimpleNamespace(src=at, dst=at, t=at, **{name: value})
            assert torch.equal(EventColumns.of(batch, width).edge_attr, value.reshape(3, width))
            assert EventColumns.of(batch).edge_attr is None
            with pytest.raises(GraphError, match=rf"'{name}'.*\[3, 9\].*edge_dim=9"):
                EventColumns.of(batch, 9)
    data = TemporalData(src=at, dst=at, t=at, msg=torch.ones(3, 2))
    assert EventColumns.of(data, 2).edge_attr.tolist() == [[1, 1]] * 3
    with pytest.raises(GraphError, match=r"without features.*\[3, 2\].*edge_dim=0"):
        EventColumns.of(TemporalData(src=at, dst=at, t=at), 2)


def test_columns_of_different_lengths():
    at = torch.arange(3)
    for wrong in (
        {"dst": at[:2]},
        {"t": at[:2]},
        {"src": at.view(1, 3), "dst": at.view(1, 3), "t": at.view(1, 3)},
        {"event_id": at[:1]},
    ):
        with pytest.raises(GraphError, match=r"'batch'.*one shape \[B\]"):
            EventColumns.of(SimpleNamespace(**{"src": at, "dst": at, "t": at, **wrong}))
