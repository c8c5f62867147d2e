"""DAGNN: its equations, its size, and many of them side by side."""

import pytest
import torch
from torch.nn import functional as F
from torch_geometric.utils import stochastic_blockmodel_graph

from graphkit.errors import GraphError
from graphkit.models.static import DAGNN


def data(n=15, d=9):
    x = torch.rand(n, d) * (torch.rand(n, d) < 0.4)
    edges = torch.randint(n, (2, 30))
    return x, torch.cat([edges, edges.flip(0)], dim=1)


def test_the_paper_s_equations():
    x, edge_index = data()
    model = DAGNN(9, 6, 4, K=3, dropout=0.5).double().eval()
    x = x.double()
    p = dict(model.named_parameters())
    z = torch.relu(x @ p["lin1.weight"].t() + p["lin1.bias"])
    z = z @ p["lin2.weight"].t() + p["lin2.bias"]
    a = torch.zeros(15, 15, dtype=torch.float64)
    for s, t in edge_index.t().tolist():
        a[t, s] += 1
    a += torch.diag((a.diagonal() == 0).double())
    root = a.sum(1).rsqrt()
    a = root[:, None] * a * root
    hops = torch.stack([torch.linalg.matrix_power(a, k) @ z for k in range(4)], dim=1)  # [n, 4, c]
    scores = torch.sigmoid(hops @ p["conv.gate.weight"].t() + p["conv.gate.bias"])  # [n, 4, 1]
    expected = (scores.transpose(1, 2) @ hops).squeeze(1)
    torch.testing.assert_close(model(x, edge_index), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("K", [0, 1, 20])
def test_size_does_not_depend_on_depth(K):
    model = DAGNN(128, 256, 40, K=K, batch_norm=True)
    assert sum(p.numel() for p in model.parameters()) == 43_857


def test_no_hop_chooses_as_the_mlp():
    x, edge_index = data()
    model = DAGNN(9, 6, 4, K=0).eval()
    mlp = model.transform(x)
    out = model(x, edge_index)
    assert torch.equal(out.argmax(1), mlp.argmax(1))
    ratio = out / mlp
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    assert bool((ratio > 0).all())
    assert bool((ratio < 1).all())


def test_input_dropout_follows_the_variant():
    assert DAGNN(3, 4, 2, dropout=0.3).lin1.dropout == 0.3
    assert DAGNN(3, 4, 2, dropout=0.3, batch_norm=True).lin1.dropout == 0
    assert "dropout=0.3" in repr(DAGNN(3, 4, 2, dropout=0.3))


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_stack_is_its_models(sparse, weighted):
    """Logits and gradients of a stack are those of the models, dropout included."""
    x, edge_index = data()
    x = x.to_sparse_csr() if sparse else x
    more = (torch.rand(edge_index.shape[1]),) if weighted else ()
    seeds = [3, 4, 9]
    models = []
    for seed in seeds:
        torch.manual_seed(seed)
        models.append(DAGNN(9, 6, 4, K=5, dropout=0.4))
    stack = DAGNN.stack(models, seeds)
    y = torch.randint(4, (15,))
    for train in (True, False, True):
        stack.train(train)
        out = stack(x, edge_index, *more)
        assert out.shape == (3, 15, 4)
        stack.zero_grad()
        sum(F.cross_entropy(row, y) for row in out).backward()
        if not train:
            for row, model in enumerate(models):
                torch.testing.assert_close(out[row], model.eval()(x, edge_index, *more))
    for row, (seed, model) in enumerate(zip(seeds, models)):
        torch.manual_seed(seed)
        model.train()
        for _ in range(2):
            alone = model(x, edge_index, *more)
        torch.testing.assert_close(out[row], alone, rtol=1e-5, atol=1e-6)
        model.zero_grad()
        F.cross_entropy(alone, y).backward()
        for name, value in zip(stack.names, stack.values):
            torch.testing.assert_close(
                value.grad[row], model.get_parameter(name).grad, rtol=1e-4, atol=1e-6
            )
        for name, value in stack.state_of(row).items():
            assert torch.equal(value, model.get_parameter(name))


def test_stack_of_one_class_and_no_hop():
    x, edge_index = data()
    models = [DAGNN(9, 6, 1, K=0), DAGNN(9, 6, 1, K=0)]
    stack = DAGNN.stack(models, [0, 1]).eval()
    for row, model in enumerate(models):
        torch.testing.assert_close(stack(x, edge_index)[row], model.eval()(x, edge_index))
    stack.keep([1])
    torch.testing.assert_close(stack(x, edge_index)[0], models[1](x, edge_index))


def test_what_cannot_be_stacked():
    with pytest.raises(GraphError, match="not alike"):
        DAGNN.stack([DAGNN(3, 4, 2), DAGNN(3, 5, 2)], [0, 1])
    with pytest.raises(GraphError, match="not alike"):
        DAGNN.stack([DAGNN(3, 4, 2, K=1), DAGNN(3, 4, 2, K=2)], [0, 1])
    with pytest.raises(GraphError, match="batch normalisation"):
        DAGNN.stack([DAGNN(3, 4, 2, batch_norm=True)], [0])


def accuracy(make, seeds=2, steps=300):
    """Test accuracy on a homophilous block model with 8 labels per class, a mean over seeds."""
    torch.manual_seed(0)
    sizes = [60, 60, 60]
    rates = torch.full((3, 3), 0.004) + 0.12 * torch.eye(3)
    edge_index = stochastic_blockmodel_graph(sizes, rates)
    y = torch.arange(3).repeat_interleave(60)
    x = F.one_hot(y, 3) + torch.randn(180, 3)
    train = torch.cat([torch.arange(8) + 60 * c for c in range(3)])
    test = torch.ones(180, dtype=torch.bool)
    test[train] = False
    found = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        model = make()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x, edge_index)[train], y[train]).backward()
            optimizer.step()
        out = model.eval()(x, edge_index)
        found.append(float((out.argmax(1) == y)[test].float().mean()))
    return sum(found) / len(found)


def test_learns():
    assert accuracy(lambda: DAGNN(3, 16, 3, K=10, dropout=0.2), seeds=1) > 0.8


@pytest.mark.nightly
@pytest.mark.slow
def test_depth_does_no_harm():
    """20 and 50 hops do about as well as 10; a deep GCN does not."""
    from graphkit.models.static import GCN

    ten = accuracy(lambda: DAGNN(3, 16, 3, K=10, dropout=0.2))
    assert ten > 0.8
    for K in (20, 50):
        assert accuracy(lambda K=K: DAGNN(3, 16, 3, K=K, dropout=0.2)) > ten - 0.03
    assert accuracy(lambda: GCN(3, 16, 3, num_layers=20, dropout=0.2)) < ten - 0.2
