"""DAGNNConv in PyG code: caching, explain, compile, weights that learn."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch_geometric.nn import Sequential
from torch_geometric.utils import to_undirected

from graphkit.errors import GraphError
from graphkit.nn.conv import DAGNNConv


@pytest.fixture
def edge_index():
    return to_undirected(torch.randint(12, (2, 25)))


def test_message_passing_gives_the_same(edge_index):
    conv, x = DAGNNConv(5, K=4), torch.randn(12, 5, requires_grad=True)
    weight = torch.rand(edge_index.shape[1])
    for given in ((edge_index,), (edge_index, weight), (edge_index[:, :0],)):
        fast, slow = conv(x, *given), conv._by_messages(x, *(*given, None)[:2])
        torch.testing.assert_close(fast, slow)
        g = torch.randn_like(x)
        inputs = [x, *conv.parameters()]
        for a, b in zip(*(torch.autograd.grad((out * g).sum(), inputs) for out in (fast, slow))):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_edge_weight_that_learns(edge_index):
    conv, x = DAGNNConv(3, K=2).double(), torch.randn(12, 3, dtype=torch.float64)
    weight = torch.rand(edge_index.shape[1], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(conv(x, edge_index, weight), conv(x, edge_index, weight.detach()))
    assert torch.autograd.gradcheck(lambda w: conv(x, edge_index, w), [weight])


def test_the_graph_is_kept_and_let_go(edge_index):
    conv = DAGNNConv(3, K=3)
    first = conv.adjacency(edge_index, 12)
    assert conv.adjacency(edge_index, 12) is first
    assert conv.adjacency(edge_index, 13) is not first
    x = torch.randn(12, 3)
    before = conv(x, edge_index)
    fresh = DAGNNConv(3, K=3)
    fresh.load_state_dict(conv.state_dict())
    edge_index[:, 0] = torch.tensor([11, 11])
    after = conv(x, edge_index)
    assert not torch.equal(before, after)
    assert torch.equal(after, fresh(x, edge_index.clone()))
    assert set(conv.state_dict()) == {"gate.weight", "gate.bias"}
    for twin in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        assert torch.equal(twin(x, edge_index), after)


def directed():
    """A directed graph with a self loop, parallel edges and an isolated node; its weights."""
    edges = torch.tensor([[0, 0, 1, 2, 2, 3, 0, 5], [1, 1, 2, 2, 3, 0, 4, 4]])
    return edges, torch.rand(8, dtype=torch.float64) + 0.2


def adj_t(edges, weight, layout, n=7):
    """The transposed adjacency: row = target, column = source."""
    made = torch.sparse_coo_tensor(edges.flip(0), weight, (n, n))
    return made if layout == "uncoalesced" else made.coalesce().to_sparse(layout=layout)


@pytest.mark.parametrize(
    "layout", ["uncoalesced", torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]
)
def test_adj_t_gives_what_edges_give(layout):
    """Output, and gradients of features, parameters and weights."""
    edges, weight = directed()
    conv = DAGNNConv(3, K=3).double()
    x = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    g = torch.randn_like(x)
    want = conv(x, edges, weight)
    given = adj_t(edges, weight, layout)
    for _ in range(2):  # made, then from the cache
        out = conv(x, given)
        torch.testing.assert_close(out, want)
    assert conv.adjacency(given, 7, dtype=x.dtype) is conv.adjacency(given, 7, dtype=x.dtype)
    inputs = [x, *conv.parameters()]
    for a, b in zip(*(torch.autograd.grad((o * g).sum(), inputs) for o in (out, want))):
        torch.testing.assert_close(a, b)
    weight.requires_grad_()
    forms = (edges, weight), (adj_t(edges, weight, layout),)
    outs = [conv(x, *form) for form in forms]
    for a, b in zip(*(torch.autograd.grad((o * g).sum(), [*inputs, weight]) for o in outs)):
        torch.testing.assert_close(a, b)


def test_adj_t_is_read_as_pyg_reads_it():
    """With gates of one half and one hop, (x + A x) / 2 with PyG's own product A x."""
    from torch_geometric.nn import APPNP
    from torch_geometric.utils import to_torch_csr_tensor

    edges, weight = directed()
    loop = edges[0] == edges[1]  # of which PyG makes one thing in edge_index, another in adj_t
    edges, weight = edges[:, ~loop], weight[~loop].float()
    conv, x = DAGNNConv(3, K=1), torch.randn(7, 3)
    nn.init.zeros_(conv.gate.weight)
    nn.init.zeros_(conv.gate.bias)
    given = to_torch_csr_tensor(edges.flip(0), weight, size=(7, 7))
    torch.testing.assert_close(conv(x, given), (x + APPNP(1, alpha=0.0)(x, given)) / 2)


def test_adj_t_written_over():
    edges, weight = directed()
    conv, x = DAGNNConv(3, K=2).double(), torch.randn(7, 3, dtype=torch.float64)
    for layout in (torch.sparse_coo, torch.sparse_csr):
        given = adj_t(edges, weight, layout)
        before = conv(x, given)
        given.values().mul_(torch.arange(1, given.values().numel() + 1))
        after = conv(x, given)
        assert not torch.allclose(before, after)
        torch.testing.assert_close(after, conv(x, given.clone()))


def test_in_sequential_with_adj_t():
    edges, weight = directed()
    model = Sequential(
        "x, adj_t",
        [(nn.Linear(6, 4), "x -> x"), nn.ReLU(), (DAGNNConv(4, K=3), "x, adj_t -> x")],
    )
    x, given = torch.randn(7, 6), adj_t(edges, weight.float(), torch.sparse_csr)
    want = model[2](torch.relu(model[0](x)), edges, weight.float())
    torch.testing.assert_close(model(x, given), want)


def test_in_sequential(edge_index):
    model = Sequential(
        "x, edge_index",
        [(nn.Linear(6, 4), "x -> x"), nn.ReLU(), (DAGNNConv(4, K=3), "x, edge_index -> x")],
    )
    assert model(torch.randn(12, 6), edge_index).shape == (12, 4)
    assert repr(model[2]) == "DAGNNConv(4, K=3)"


def test_compiles_without_breaks(edge_index):
    conv, x = DAGNNConv(3, K=2), torch.randn(12, 3)
    torch._dynamo.reset()
    compiled = torch.compile(conv, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, edge_index), conv(x, edge_index))
    torch._dynamo.reset()


def test_explained(edge_index):
    from torch_geometric.explain import Explainer, GNNExplainer

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin, self.conv = nn.Linear(4, 3), DAGNNConv(3, K=2)

        def forward(self, x, edge_index):
            return self.conv(self.lin(x), edge_index)

    explainer = Explainer(
        Net(),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={
            "mode": "multiclass_classification",
            "task_level": "node",
            "return_type": "raw",
        },
    )
    found = explainer(torch.randn(12, 4), edge_index)
    assert found.edge_mask.shape == edge_index.shape[1:]
    assert bool(found.edge_mask.any())


def test_whole_model_explained_and_compiled(edge_index):
    """DAGNN itself, its linear map and cache included."""
    from torch_geometric.explain import Explainer, GNNExplainer

    from graphkit.models.static import DAGNN

    torch.manual_seed(0)
    model, x = DAGNN(4, 6, 3, K=3).eval(), torch.randn(12, 4)
    out = model(x, edge_index)
    config = {"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"}
    explainer = Explainer(
        model,
        GNNExplainer(epochs=3),
        explanation_type="model",
        node_mask_type="attributes",
        edge_mask_type="object",
        model_config=config,
    )
    found = explainer(x, edge_index, index=5)
    assert found.edge_mask.shape == edge_index.shape[1:]
    assert found.node_mask.shape == x.shape
    assert bool(found.edge_mask.isfinite().all())
    torch.testing.assert_close(model(x, edge_index), out, msg="explaining leaves a trace")
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, edge_index), out)
    torch._dynamo.reset()


@pytest.mark.parametrize("order", [None, "row", "col"])
def test_edge_index_of_pyg(edge_index, order):
    """PyG's EdgeIndex, sorted either way, is the tensor that it holds."""
    from torch_geometric import EdgeIndex

    conv, x = DAGNNConv(3, K=3), torch.randn(12, 3, requires_grad=True)
    if order:
        edge_index = edge_index[:, edge_index[0 if order == "row" else 1].argsort(stable=True)]
    given = EdgeIndex(edge_index, sparse_size=(12, 12), sort_order=order).validate()
    for _ in range(2):  # made, then from the cache
        out = conv(x, given)
        assert type(out) is torch.Tensor
        torch.testing.assert_close(out, conv._by_messages(x, edge_index, None))
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert bool(gradient.isfinite().all())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_moved_to_a_gpu_after_use(edge_index):
    conv, x = DAGNNConv(3, K=3), torch.randn(12, 3)
    expected = conv(x, edge_index)
    conv = conv.to("cuda")
    torch.testing.assert_close(conv(x.cuda(), edge_index.cuda()).cpu(), expected)
    torch.testing.assert_close(conv.to("cpu")(x, edge_index), expected)


def test_moved_to_another_dtype_after_use(edge_index):
    """to() changes the parameters; the cached graph follows the features."""
    conv, x = DAGNNConv(3, K=3), torch.randn(12, 3)
    single = conv(x, edge_index)
    double = conv.double()(x.double(), edge_index)
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single)
    torch.testing.assert_close(conv.float()(x, edge_index), single)


def test_gate_that_sees_nothing_is_linear(edge_index):
    """s = 0: every gate is sigmoid(b), whatever the node, so the layer is linear in x."""
    conv = DAGNNConv(3, K=5)
    with torch.no_grad():
        conv.gate.weight.zero_()
    x, y = torch.randn(12, 3), torch.randn(12, 3)
    torch.testing.assert_close(
        conv(2 * x + y, edge_index), 2 * conv(x, edge_index) + conv(y, edge_index)
    )
    only_mlp = DAGNNConv(3, K=0)
    with torch.no_grad():
        only_mlp.gate.weight.zero_()
        only_mlp.gate.bias.fill_(40.0)
    torch.testing.assert_close(only_mlp(x, edge_index), x)


def test_half_precision(edge_index):
    conv, x = DAGNNConv(3, K=2), torch.randn(12, 3)
    out = conv(x.bfloat16(), edge_index)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), conv(x, edge_index), rtol=0.02, atol=0.02)


def test_wrong_arguments(edge_index):
    with pytest.raises(GraphError, match="'K'"):
        DAGNNConv(3, K=-1)
    conv, x = DAGNNConv(3, K=1), torch.randn(3, 3)
    with pytest.raises(GraphError, match="no such node"):
        conv(x, edge_index)
    given = torch.eye(3).to_sparse_csr()
    with pytest.raises(GraphError, match=r"'edge_weight': adj_t has the weights already"):
        conv(x, given, torch.rand(3))
    with pytest.raises(GraphError, match=r"'adj_t'.*expected \[4, 4\]; got \[3, 3\]"):
        conv(torch.randn(4, 3), given)
    with pytest.raises(GraphError, match=r"got list\. Of a torch_sparse\.SparseTensor"):
        conv(x, [[0], [1]])
