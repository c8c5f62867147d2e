"""The normalised adjacency against its definition and PyG."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.ops.normalize import normalized_adjacency
from tests.ops.dense_graphs import KINDS, dense_adjacency, graph


@pytest.mark.parametrize("kind", KINDS)
def test_normalisation(kind):
    edges, n, weight = graph(kind)
    found = normalized_adjacency(edges, n, weight, dtype=torch.float64)
    expected = dense_adjacency(edges, n, weight)
    torch.testing.assert_close(found.matmul(torch.eye(n, dtype=torch.float64)), expected)
    eye = torch.eye(n, dtype=torch.float64)
    torch.testing.assert_close(found.transposed.matmul(eye), expected.t())


def test_as_pyg_normalises():
    from torch_geometric.nn.conv.gcn_conv import gcn_norm
    from torch_geometric.utils import to_dense_adj

    edges, n, weight = graph("weighted")
    apart = edges[0] != edges[1]  # of parallel self loops PyG keeps one
    edges, weight = edges[:, apart], weight[apart]
    index, value = gcn_norm(edges, weight, n, dtype=torch.float64)
    pyg = to_dense_adj(index.flip(0), edge_attr=value, max_num_nodes=n)[0]
    ours = normalized_adjacency(edges, n, weight, dtype=torch.float64)
    torch.testing.assert_close(ours.matmul(torch.eye(n, dtype=torch.float64)), pyg)


def test_a_degree_of_zero():
    edges = torch.tensor([[0, 1, 1], [1, 0, 1]])
    found = normalized_adjacency(edges, 3, torch.tensor([1.0, 0.0, 0.0]), add_self_loops=False)
    assert found.value.tolist() == []  # node 0 has no degree, so nothing is sent
    with pytest.raises(GraphError, match="row 2: a weight is negative"):
        normalized_adjacency(edges, 3, torch.tensor([1.0, 1.0, -3.0]))


@pytest.mark.parametrize(
    "edges, weight, message",
    [
        (torch.tensor([[0, 3], [1, 0]]), None, r"row 1.*no such node"),
        (torch.tensor([[0, -1], [1, 0]]), None, "no such node"),
        (torch.tensor([0, 1]), None, "not a list of edges"),
        (torch.tensor([[0], [1]]), torch.ones(2), "not one number per edge"),
    ],
)
def test_wrong_graphs(edges, weight, message):
    with pytest.raises(GraphError, match=message):
        normalized_adjacency(edges, 3, weight)
