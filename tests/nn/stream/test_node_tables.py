from __future__ import annotations

import copy

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.stream import FadingTable, NCache, NodeTables, PairTable, TemporalWalks


class Tables(NodeTables):
    def __init__(self, num_nodes, x=None):
        super().__init__(num_nodes)
        self.add_table("count", dtype=torch.int64)
        self.add_table("key", 2, fill=-1)
        self.width = self.add_node_features(x)
        self.fading = FadingTable(num_nodes, (2.0,), 1)
        self.pairs = PairTable(num_nodes)


def test_tables_grow_with_those_of_the_modules_inside():
    tables = Tables(3)
    tables.count += 5
    tables.fading.stamp += 4
    tables.grow(5)
    assert tables.count.tolist() == [5, 5, 5, 0, 0]
    assert tables.key.tolist() == [[-1.0, -1.0]] * 5
    assert tables.fading.stamp.tolist() == [4, 4, 4, 0, 0]
    assert tables.fading.value.shape == (5, 1, 1)
    assert [m.num_nodes for m in (tables, tables.fading, tables.pairs)] == [5, 5, 5]
    tables.grow(5)
    tables.reset_tables()
    assert tables.count.tolist() == [0] * 5
    with pytest.raises(GraphError, match=r"num_nodes.*>= 5.*got 4"):
        tables.grow(4)


def test_features_of_new_nodes():
    x = torch.arange(6.0).view(3, 2)
    tables = Tables(3, x)
    assert tables.width == 2
    with pytest.raises(GraphError, match=r"'x'.*\[2, 2\], a row for each new node"):
        tables.grow(5)
    for wrong in (torch.zeros(1, 2), torch.zeros(2, 3), torch.zeros(2)):
        with pytest.raises(GraphError, match=r"'x': does not fit.*\[2, 2\]"):
            tables.grow(5, wrong)
    assert tables.num_nodes == len(tables.x) == len(tables.count) == 3
    tables.grow(5, torch.tensor([[8, 9], [10, 11]]))
    assert tables.x.tolist() == [[0, 1], [2, 3], [4, 5], [8, 9], [10, 11]]
    assert x.tolist() == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(GraphError, match="without node features"):
        Tables(3).grow(4, torch.zeros(1, 2))
    with pytest.raises(GraphError, match=r"'x'.*number of rows.*3.*got 2"):
        Tables(3, x[:2])


def test_a_state_dict_of_more_nodes_and_of_fewer():
    x = torch.arange(10.0).view(5, 2)
    few, many = Tables(3, x[:3]), Tables(5, x + 1)
    few.count += torch.arange(3)
    many.count += 7
    young, old = copy.deepcopy(few.state_dict()), copy.deepcopy(many.state_dict())
    few.load_state_dict(old)
    assert few.num_nodes == few.fading.num_nodes == few.pairs.num_nodes == 5
    assert all(torch.equal(v, old[k]) for k, v in few.state_dict().items())
    many.load_state_dict(young)
    assert many.num_nodes == many.fading.num_nodes == many.pairs.num_nodes == 5
    assert many.count.tolist() == [0, 1, 2, 0, 0]
    assert torch.equal(many.x, torch.cat([x[:3], x[3:] + 1]))  # those of its own nodes stay
    assert many.state_dict()["node_count"] == many.state_dict()["pairs.node_count"] == 5
    assert young["count"].shape == (3,)  # what was loaded is as it was
    broken = {**young, "key": torch.zeros(3, 4)}
    with pytest.raises(RuntimeError, match="size mismatch for key"):
        many.load_state_dict(broken)


def test_copies_do_not_share_what_they_grow_into():
    tables = Tables(3)
    tables.grow(4)
    twin = copy.deepcopy(tables)
    twin.grow(5)
    tables.grow(5)
    twin.count += 3
    assert tables.count.tolist() == [0] * 5


@pytest.mark.parametrize("num_nodes", [4, 7, 50])
def test_what_is_derived_from_ids_is_that_of_a_large_module(num_nodes: int):
    for make in (
        lambda n: TemporalWalks(n, channels=8, seed=3),
        lambda n: NCache(n, num_slots=(7, 3), seed=5, keep_time=True, keep_count=True),
    ):
        small, large = make(3), make(num_nodes)
        small.grow(num_nodes)
        assert all(torch.equal(a, b) for a, b in zip(small.buffers(), large.buffers(), strict=True))
        loaded = make(3)
        loaded.load_state_dict(large.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(loaded.buffers(), large.buffers()))


def test_limits_hold_for_growth_too():
    with pytest.raises(GraphError, match=r"2\*\*31"):
        NCache(2, num_slots=(1, 0)).grow(2**31)
    with pytest.raises(GraphError, match="64 bits"):
        PairTable(2).grow(2**32)
