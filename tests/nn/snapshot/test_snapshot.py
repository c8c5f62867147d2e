"""Normalised snapshots against the dense formula; rows shared by idle nodes."""

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.snapshot import FLOWS, as_snapshot, graph_convolution, out_degree


def dense_formula(edge_index, weight, n, flow="source_to_target"):
    a = torch.zeros(n, n)
    for (u, v), w in zip(edge_index.T.tolist(), weight.tolist()):
        if flow == "source_to_target":
            a[v, u] += w
        else:
            a[u, v] += w
    a += torch.eye(n)
    d = a.sum(dim=1).rsqrt()
    return d.unsqueeze(1) * a * d


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("flow", FLOWS)
def test_normalisation_equals_the_dense_formula(weighted, symmetric, flow):
    draw = torch.Generator().manual_seed(3)
    edge_index = torch.randint(6, (2, 14), generator=draw)  # self loops and parallel edges occur
    weight = torch.rand(14, generator=draw) * 3
    if symmetric:
        edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
        weight = weight.repeat(2)
    data = Data(x=torch.eye(8), edge_index=edge_index)
    if weighted:
        data.edge_weight = weight
    snapshot = as_snapshot(data, flow)
    assert snapshot.flow == flow
    want = dense_formula(edge_index, weight if weighted else torch.ones_like(weight), 8, flow)
    torch.testing.assert_close(snapshot.dense(), want)
    assert not (snapshot.edge_index[0] == snapshot.edge_index[1]).any()
    assert want[7].tolist() == [0] * 7 + [1]  # an isolated node has its self loop, once
    assert snapshot.active.nonzero().squeeze(1).tolist() == edge_index.unique().tolist()
    assert as_snapshot(snapshot) is snapshot
    assert snapshot.to("cpu").dense().equal(snapshot.dense())


def test_of_a_symmetric_graph_both_flows_are_the_same_to_the_bit():
    """Where edges are sorted, as those of the steps of a task are."""
    edge_index, weight = to_undirected(torch.randint(9, (2, 20)), torch.rand(20), num_nodes=9)
    for x in (torch.randn(9, 3), torch.randint(3, (9,))):
        data = Data(x=x, edge_index=edge_index, edge_weight=weight)
        one, other = (as_snapshot(data, flow) for flow in FLOWS)
        for name in ("indptr", "index", "value"):
            assert torch.equal(getattr(one.adjacency, name), getattr(other.adjacency, name))
        assert torch.equal(one.self_coef, other.self_coef)
        w = torch.randn(3, 4)
        assert torch.equal(*(graph_convolution(s, s.x, w) for s in (one, other)))


def test_the_target_of_an_edge_sees_its_source():
    data = Data(x=torch.tensor([[1.0], [10.0]]), edge_index=torch.tensor([[0], [1]]))
    assert as_snapshot(data).flow == "source_to_target"
    # Node 1 has degree 2, with its self loop; node 0 has degree 1.
    want = torch.tensor([[1.0], [1 / 2**0.5 + 10 / 2]])
    torch.testing.assert_close(as_snapshot(data).propagate(data.x), want)
    want = torch.tensor([[1 / 2 + 10 / 2**0.5], [10.0]])
    torch.testing.assert_close(as_snapshot(data, "target_to_source").propagate(data.x), want)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("one_hot", [True, False])
def test_either_flow_is_that_of_pyg(flow, weighted, one_hot):
    """Output and gradient of PyG's GCNConv on a directed graph, compiled or not; shared rows."""
    from torch_geometric.nn import GCNConv

    draw = torch.Generator().manual_seed(2)
    edge_index = torch.randint(9, (2, 20), generator=draw)
    edge_index = edge_index[:, edge_index[0] != edge_index[1]]  # PyG adds no 1 to a self loop
    assert not torch.equal(edge_index.unique(dim=1), edge_index.flip(0).unique(dim=1))
    x = torch.randint(4, (12,), generator=draw) if one_hot else torch.randn(12, 4, generator=draw)
    data = Data(x=x, edge_index=edge_index)
    if weighted:
        data.edge_weight = torch.rand(edge_index.shape[1], generator=draw) + 0.1
    conv = GCNConv(4, 3, bias=False, flow=flow)
    full = torch.nn.functional.one_hot(x, 4).float() if one_hot else x
    want = conv(full, edge_index, data.edge_weight)
    weight = conv.lin.weight.t()
    snapshot = as_snapshot(data, flow)
    got = graph_convolution(snapshot, snapshot.x, weight)
    torch.testing.assert_close(got, want)
    shared = snapshot.shared()
    assert shared.flow == flow
    rows = shared.rows()
    torch.testing.assert_close(graph_convolution(shared, shared.x, weight)[rows], want)
    a, b = (torch.autograd.grad(f.square().sum(), conv.lin.weight)[0] for f in (got, want))
    torch.testing.assert_close(a, b)
    torch._dynamo.reset()
    compiled = torch.compile(snapshot.propagate, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(full) @ weight, want)
    torch._dynamo.reset()


def test_links_are_the_same_in_either_flow():
    edge_index = torch.tensor([[0, 2, 2], [1, 0, 2]])
    for flow in FLOWS:
        snapshot = as_snapshot(Data(x=torch.zeros(4, 1), edge_index=edge_index), flow).shared()
        src, dst = torch.tensor([0, 1, 2, 0, 2]), torch.tensor([1, 0, 0, 2, 2])
        assert snapshot.linked(src, dst).tolist() == [True, False, True, False, False]
        assert snapshot.node_edges().tolist() == [[0, 2], [1, 0]]


def test_a_snapshot_of_the_other_flow_is_refused():
    data = Data(x=torch.zeros(3, 1), edge_index=torch.tensor([[0], [1]]))
    snapshot = as_snapshot(data, "target_to_source")
    assert as_snapshot(snapshot) is snapshot
    assert as_snapshot(snapshot, "target_to_source") is snapshot
    with pytest.raises(GraphError, match=r"'flow'.*expected source_to_target; got target_to_sou"):
        as_snapshot(snapshot, "source_to_target")
    with pytest.raises(UnknownNameError, match="Did you mean 'target_to_source'"):
        as_snapshot(data, "target_to_sources")


@pytest.mark.parametrize("d_in, d_out", [(3, 5), (5, 3)])
def test_convolution_in_either_order(d_in, d_out):
    torch.manual_seed(0)
    x, w = torch.randn(6, d_in), torch.randn(d_in, d_out)
    snapshot = as_snapshot(Data(x=x, edge_index=torch.tensor([[0, 1, 4], [1, 2, 0]])))
    torch.testing.assert_close(graph_convolution(snapshot, x, w), snapshot.dense() @ x @ w)


def test_shared_rows():
    edge_index = torch.tensor([[2, 5], [5, 2]])
    data = Data(x=out_degree(edge_index, 8), edge_index=edge_index)
    snapshot = as_snapshot(data)
    assert snapshot.x.tolist() == [0, 0, 1, 0, 0, 1, 0, 0]
    shared = snapshot.shared()
    assert shared.num_rows == 3
    assert shared.num_nodes == 8
    assert shared.position.tolist() == [2, 2, 0, 2, 2, 1, 2, 2]
    assert shared.size.tolist() == [1, 1, 6]
    weight = torch.randn(2, 3)
    torch.testing.assert_close(
        graph_convolution(shared, shared.x, weight)[shared.position],
        graph_convolution(snapshot, snapshot.x, weight),
    )
    assert shared.shared() is shared
    data.x = torch.arange(8)  # idle nodes that differ keep their rows
    other = as_snapshot(data)
    assert other.shared() is other


@pytest.mark.parametrize("kind", ["one_hot", "float"])
def test_idle_nodes_share_a_row_with_those_like_them(kind):
    edge_index = torch.tensor([[2, 5, 7, 7], [5, 2, 7, 2]])
    kinds = torch.tensor([0, 1, 0, 1, 2, 0, 0, 1, 1])
    x = kinds if kind == "one_hot" else torch.randn(3, 4)[kinds]
    snapshot = as_snapshot(Data(x=x, edge_index=edge_index))
    shared = snapshot.shared()
    assert shared.num_rows == 3 + 3  # three with edges; idle ones are of three kinds
    assert shared.num_nodes == 9
    assert int(shared.size.sum()) == 9
    assert shared.rows()[[2, 5, 7]].tolist() == [0, 1, 2]
    rows = shared.rows()
    assert rows[0] == rows[6]
    assert rows[1] == rows[3] == rows[8]
    assert rows[4] not in rows[:4]
    assert shared.size[rows].tolist() == [2, 3, 1, 3, 1, 1, 2, 1, 3]
    weight = torch.randn(3 if kind == "one_hot" else 4, 3)
    torch.testing.assert_close(
        graph_convolution(shared, shared.x, weight)[rows],
        graph_convolution(snapshot, snapshot.x, weight),
    )
    assert torch.equal(snapshot.rows(), torch.arange(9))


def test_idle_nodes_without_features_are_alike():
    data = Data(x=torch.zeros(5, 0), edge_index=torch.tensor([[0, 1], [1, 0]]))
    assert as_snapshot(data).shared().rows().tolist() == [0, 1, 2, 2, 2]


def test_a_node_with_edges_keeps_its_row_even_if_it_is_masked():
    edge_index = torch.tensor([[0, 1], [1, 0]])
    data = Data(x=torch.zeros(5, dtype=torch.int64), edge_index=edge_index)
    data.node_mask = torch.tensor([True, False, False, False, False])
    shared = as_snapshot(data).shared()
    assert shared.position.tolist() == [0, 1, 2, 2, 2]
    assert shared.active.tolist() == [True, False, False]


def test_one_hot_features_are_multiplied_once():
    draw = torch.Generator().manual_seed(5)
    edge_index = torch.randint(7, (2, 20), generator=draw)
    snapshot = as_snapshot(Data(x=torch.randint(4, (7,), generator=draw), edge_index=edge_index))
    weight = torch.randn(5, 3, generator=draw).requires_grad_()
    got = graph_convolution(snapshot, snapshot.x, weight)
    want = snapshot.dense() @ torch.nn.functional.one_hot(snapshot.x, 5).float() @ weight
    torch.testing.assert_close(got, want)
    a, b = (torch.autograd.grad(f.square().sum(), weight)[0] for f in (got, want))
    torch.testing.assert_close(a, b)
    other = snapshot.x.flip(0)  # not the snapshot's own
    torch.testing.assert_close(
        graph_convolution(snapshot, other, weight),
        snapshot.dense() @ torch.nn.functional.one_hot(other, 5).float() @ weight,
    )
    with pytest.raises(GraphError, match=r"column that is not there.*clamp"):
        graph_convolution(snapshot, snapshot.x, weight[:2])


def test_errors_say_what_to_do():
    edge_index = torch.tensor([[0], [1]])
    for x in (None, torch.zeros(3), torch.zeros(3, 2, dtype=torch.int64)):
        with pytest.raises(GraphError, match="a snapshot needs features"):
            as_snapshot(Data(x=x, edge_index=edge_index))
    data = Data(x=torch.zeros(3, 1), edge_index=edge_index, edge_weight=torch.tensor([-2.0]))
    for flow in FLOWS:
        with pytest.raises(GraphError, match=r"'edge_weight', row 0: a weight is negative.*abs"):
            as_snapshot(data, flow)
