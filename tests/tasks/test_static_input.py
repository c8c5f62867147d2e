"""StaticInput against row by row arithmetic; made again from settings; what it refuses."""

import json

import pytest
import torch
from torch import nn

from graphkit import TemporalGraph
from graphkit.errors import GraphError
from graphkit.tasks import NodeClassification
from graphkit.tasks.static_input import StaticInput


def graph(channels=5, dense=True, weighted=True, n=12):
    draw = torch.Generator().manual_seed(channels)
    x = torch.rand(n, channels, generator=draw) - 0.3
    if not dense:
        x = x * (torch.rand(n, channels, generator=draw) < 0.05)
        x[1] = 0
    src, dst = torch.randint(n, (2, 30), generator=draw)
    weight = torch.rand(30, generator=draw) if weighted else None
    return TemporalGraph(
        src, dst, torch.zeros(30), x=x, y=torch.arange(n) % 2, edge_weight=weight, num_nodes=n
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dense", [False, True])
def test_rows_are_divided_by_their_sizes(dense, weighted):
    g = graph(40, dense, weighted)
    made = StaticInput.of(g, normalize_features=True)
    again = StaticInput(**json.loads(json.dumps(made.settings())))
    again.load_state_dict(made.state_dict())
    for preparation in (made, again):
        found = preparation(g)
        for row, want in zip(found.x.tolist(), g.x.tolist()):
            total = sum(abs(v) for v in want) or 1.0
            assert row == pytest.approx([v / total for v in want], rel=1e-6)
        data = g.static()
        assert torch.equal(found.edge_index, data.edge_index)
        assert (found.edge_weight is None) == (not weighted)
        assert not weighted or torch.equal(found.edge_weight, data.edge_weight)
        assert (found.sparse_x is None) == dense
        assert dense or torch.equal(found.sparse_x.to_dense(), found.x)
    raw = StaticInput.of(g)(g)
    assert torch.equal(raw.x, g.x)


def test_arguments_of_a_model():
    found = StaticInput.of(graph(40, False))(graph(40, False))

    class Sparse(nn.Module):
        accepts_sparse = True

    assert found.inputs(Sparse())[0] is found.sparse_x
    assert found.inputs(nn.Module())[0] is found.x
    assert found.inputs(nn.Module())[1:] == [found.edge_index, found.edge_weight]
    plain = graph(weighted=False)
    assert len(StaticInput.of(plain)(plain).inputs(nn.Module())) == 2


def test_the_task_asks_with_it():
    g, ids = graph(), torch.arange(12)
    task = NodeClassification(g, split=(ids[:4], ids[4:8], ids[8:]))
    query = next(task.stream("test").start())
    other = StaticInput(**task.input.settings())(g)
    assert torch.equal(query.graph.x, other.x)
    assert torch.equal(query.graph.edge_weight, other.edge_weight)


def test_features_by_name_and_types_of_training():
    g = graph()
    columns = {"x": ["a", "b", "c", "d", "e"]}
    named = {"src": g.src, "dst": g.dst, "t": g.t, "edge_weight": g.edge_weight}
    made = StaticInput.of(TemporalGraph(**named, x=g.x, column_names=columns))
    again = StaticInput(**json.loads(json.dumps(made.settings())))
    order = [4, 1, 0, 3, 2]
    shuffled = {"x": [columns["x"][c] for c in order]}
    named["edge_weight"] = g.edge_weight.double()
    other = TemporalGraph(**named, x=g.x[:, order].double(), column_names=shuffled)
    want, found = made(g), again(other)  # g has no names: by place
    assert torch.equal(found.x, want.x)
    assert torch.equal(found.edge_weight, want.edge_weight)
    lost = TemporalGraph(**named, x=g.x, column_names={"x": ["a", "b", "c", "d", "f"]})
    with pytest.raises(GraphError, match="no feature 'e'; expected 5 columns, by name"):
        again(lost)


def test_what_training_did_not_see_is_refused():
    made = StaticInput.of(graph())
    with pytest.raises(GraphError, match=r"'x'.*expected 5 columns; got 6"):
        made(graph(6))
    with pytest.raises(GraphError, match=r"'edge_weight'.*a graph with weights; got none"):
        made(graph(weighted=False))
    with pytest.raises(GraphError, match="had no weights in training"):
        StaticInput.of(graph(weighted=False))(graph())
    with pytest.raises(GraphError, match="'x': the nodes need features"):
        made(TemporalGraph([0], [1], [0], edge_weight=torch.ones(1)))
