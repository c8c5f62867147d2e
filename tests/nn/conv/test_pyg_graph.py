"""One graph in every form through PyG's layers: equal results, and PyG's own product where it is
right."""

import pytest
import torch
from torch_geometric.nn import APPNP, GCNConv

from graphkit.models.static import APPNP as APPNPModel
from graphkit.models.static import GCN, MLP
from graphkit.nn.conv.pyg_graph import pyg_graph

EDGES = torch.tensor([[0, 0, 1, 2, 2, 3, 0, 5], [1, 1, 2, 2, 3, 0, 4, 4]])
LOOP = EDGES[0] == EDGES[1]
LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]


def adj_t(edges, weight, layout):
    return (
        torch.sparse_coo_tensor(edges.flip(0), weight, (7, 7)).coalesce().to_sparse(layout=layout)
    )


@pytest.mark.parametrize("make", [lambda: GCNConv(3, 2), lambda: APPNP(3, 0.2)])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loops", [True, False])
def test_equal_results_of_pyg_s_layers(make, layout, loops):
    keep = slice(None) if loops else ~LOOP
    edges, weight = EDGES[:, keep], torch.rand(8)[keep] + 0.2
    layer, x = make(), torch.randn(7, 3)
    given = adj_t(edges, weight, layout)
    graph = pyg_graph(given, None, 7, x.dtype)
    torch.testing.assert_close(layer(x, *graph), layer(x, edges, weight))
    assert (graph[0] is given) == (layout == torch.sparse_csr and not loops)
    if graph[0] is given:
        torch.testing.assert_close(layer(x, given), layer(x, edges, weight))
    for same in pyg_graph(edges, weight, 7, x.dtype), (edges, weight):
        assert same[0] is edges
        assert same[1] is weight


@pytest.mark.parametrize("make", [GCN, APPNPModel, MLP])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("sparse_x", [True, False])
def test_models_output_and_gradients(make, layout, loops, sparse_x):
    """Of parameters, and of the weights, which the values of ``adj_t`` are."""
    keep = slice(None) if loops else ~LOOP
    edges, weight = EDGES[:, keep], (torch.rand(8)[keep] + 0.2).requires_grad_()
    model, x = make(5, 6, 3).eval(), torch.rand(7, 5)
    x = x.to_sparse_csr() if sparse_x else x
    outs = model(x, edges, weight), model(x, adj_t(edges, weight, layout))
    torch.testing.assert_close(outs[1], outs[0])
    inputs, g = [*model.parameters(), weight], torch.randn(7, 3)
    grads = (torch.autograd.grad((out * g).sum(), inputs, allow_unused=True) for out in outs)
    for a, b in zip(*grads):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_values_of_another_dtype_and_autocast(dtype):
    model, x = GCN(5, 6, 3).eval(), torch.rand(7, 5)
    edges = EDGES[:, ~LOOP]
    weight = torch.arange(1, 8).to(dtype)
    want = model(x, edges, weight.float())
    out = model(x, adj_t(edges, weight, torch.sparse_csr))
    torch.testing.assert_close(out.float(), want)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(x, adj_t(edges, weight.float(), torch.sparse_csr))
        torch.testing.assert_close(out, model(x, edges, weight.float()))
