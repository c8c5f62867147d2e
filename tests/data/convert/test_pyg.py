"""PyG objects to graphs and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data, TemporalData

from graphkit import GraphError, TemporalGraph

Same = Callable[..., None]
counts = st.lists(st.integers(0, 4), min_size=1, max_size=6)


def same_data(got: Data, want: Data) -> None:
    assert sorted(got.to_dict()) == sorted(want.to_dict())
    for key, value in want.to_dict().items():
        if isinstance(value, torch.Tensor):
            assert got[key].dtype == value.dtype
            assert torch.equal(got[key], value), key
        else:
            assert got[key] == value


def test_temporal_data_both_ways(events: TemporalGraph, assert_same: Same) -> None:
    data = events.to_pyg()
    assert isinstance(data, TemporalData)
    assert data.msg.data_ptr() == events.edge_attr.data_ptr()
    assert torch.equal(data.y, events.edge_y)
    assert len(data[2:4]) == 2
    got = TemporalGraph.from_pyg(data, num_nodes=6, time_unit="ms", name="every column")
    assert_same(got, events)
    bare = TemporalData(src=torch.tensor([0]), dst=torch.tensor([1]), t=torch.tensor([3]))
    assert TemporalGraph.from_pyg(bare).to_pyg().to_dict().keys() == {"src", "dst", "t"}


def test_temporal_data_has_no_place_for_nodes(full: TemporalGraph) -> None:
    with pytest.warns(UserWarning, match="no place for x, y, node_type, node_events, signal") as w:
        full.to_pyg()
    assert w[0].filename == __file__


def test_data_both_ways() -> None:
    data = Data(
        edge_index=torch.tensor([[2, 0, 1, 1], [0, 0, 3, 3]]),
        edge_attr=torch.randn(4, 2),
        edge_weight=torch.rand(4),
        x=torch.randn(5, 3),
        y=torch.arange(5),
        num_nodes=5,
    )
    g = TemporalGraph.from_pyg(data)
    assert g.is_static
    same_data(g.static(), data)
    same_data(g.to_pyg(kind="static"), data)
    timed = data.clone()
    timed.edge_time = torch.tensor([1, 2, 2, 9])
    same_data(TemporalGraph.from_pyg(timed).static(), timed)
    other = data.clone()
    other.when = torch.tensor([9, 2, 2, 1])
    assert TemporalGraph.from_pyg(other, time="when").t.tolist() == [1, 2, 2, 9]
    nameless = Data(edge_index=torch.tensor([[0], [4]]))
    assert TemporalGraph.from_pyg(nameless).num_nodes == 5


def test_attributes_without_a_place_are_named() -> None:
    data = Data(edge_index=torch.tensor([[0], [1]]), train_mask=torch.ones(2), num_nodes=2,
                y=torch.tensor([3]))  # fmt: skip
    with pytest.warns(UserWarning, match=r"no place for train_mask, y \(one per graph"):
        g = TemporalGraph.from_pyg(data)
    assert g.y is None


@given(counts, st.booleans())
def test_snapshots_both_ways(sizes: list[int], features: bool) -> None:
    if sum(sizes) == 0 and not features:
        return
    generator = torch.Generator().manual_seed(sum(sizes))
    steps = []
    for size in sizes:
        step = Data(
            edge_index=torch.randint(4, (2, size), generator=generator),
            edge_attr=torch.rand(size, 2, generator=generator),
            num_nodes=4,
        )
        if features:
            step.x = torch.rand(4, 3, generator=generator)
            step.y = torch.randint(5, (4,), generator=generator)
        steps.append(step)
    if features and len(steps) == 1 and sizes[0] == 0:
        return  # constant features are static, and then nothing happens at all
    g = TemporalGraph.from_pyg(steps)
    assert str(g.time_unit) == "step"
    got = g.to_pyg(kind="snapshots", times=range(len(steps)))
    assert len(got) == len(steps)
    for a, b in zip(got, steps):
        same_data(a, b)
    if features and len(steps) > 1:
        assert len(g.to_pyg(kind="snapshots")) == len(steps)


def test_static_features_stay_static_and_times_are_free() -> None:
    x = torch.randn(3, 2)
    steps = [Data(edge_index=torch.tensor([[i], [2]]), x=x, node_type=torch.arange(3))
             for i in (0, 1)]  # fmt: skip
    g = TemporalGraph.from_pyg(steps, times=[10, 25], time_unit="h")
    assert g.node_events is None
    assert torch.equal(g.x, x)
    assert g.t.tolist() == [10, 25]
    for a, b in zip(g.to_pyg(kind="snapshots"), steps):
        b.num_nodes = 3
        same_data(a, b)


def test_our_own_snapshots_are_read_back() -> None:
    g = TemporalGraph([0, 1, 0], [1, 2, 1], [0, 0, 5], edge_weight=[1.0, 2.0, 3.0])
    steps = list(g.snapshots(every=5))
    again = TemporalGraph.from_pyg(steps, times=[s.t[0] for s in steps], time_unit="s")
    assert torch.equal(again.src, g.src)
    assert torch.equal(again.t, g.t)
    assert torch.equal(again.edge_weight, g.edge_weight)


def step(**more: Any) -> Data:
    return Data(**({"edge_index": torch.tensor([[0], [1]]), "num_nodes": 2} | more))


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        ("edges", {}, "a TemporalData, a Data or a sequence"),
        ([1, 2], {}, "a TemporalData, a Data or a sequence"),
        ([], {}, "empty"),
        (Data(x=torch.ones(2, 1)), {}, "'edge_index': not a list of edges"),
        (Data(edge_index=torch.zeros(3, 2)), {}, r"got shape \[3, 2\]"),
        ([step(), Data(num_nodes=2)], {}, "'edge_index', row 1"),
        ([step(), step()], {"times": [1]}, "2 times"),
        ([step(), step()], {"times": [1, 1]}, "increasing time"),
        ([step(edge_attr=torch.ones(1, 2)), step()], {}, "'edge_attr', row 1: snapshot 1"),
        ([step(x=torch.ones(2, 2)), step(x=torch.ones(2, 3))], {}, r"'x', row 1.*got shape"),
        (TemporalData(src=torch.tensor([0]), dst=torch.tensor([1]), t=torch.tensor([1, 2])), {},
         "'t'"),
    ],
)  # fmt: skip
def test_what_is_refused(data: Any, options: dict, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        TemporalGraph.from_pyg(data, **options)


def test_unknown_kind(events: TemporalGraph) -> None:
    with pytest.raises(GraphError, match="'temporal', 'static' or 'snapshots'"):
        events.to_pyg(kind="hetero")
