"""The first layer: sparse features give what dense ones give, forward and backward."""

import pytest
import torch
from torch.nn import functional as F

from graphkit.nn.sparse import linear as module
from graphkit.nn.sparse.linear import SparseLinear, sparse_linear
from graphkit.ops.csr import CSR


def features(n=30, d=11):
    x = torch.rand(n, d)
    return x * (torch.rand(n, d) < 0.3)


@pytest.mark.parametrize("bias", [True, False])
def test_sparse_equals_dense(bias):
    x = features()
    layer = SparseLinear(11, 4, bias, dropout=0.5).eval()
    g = torch.randn(30, 4)
    grads = []
    for given in (x, x.to_sparse_csr()):
        layer.zero_grad()
        out = layer(given)
        torch.testing.assert_close(out, F.linear(x, layer.weight, layer.bias))
        (out * g).sum().backward()
        grads.append([p.grad.clone() for p in layer.parameters()])
    for a, b in zip(*grads):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("looped", [True, False])
def test_dropout_of_entries(looped, monkeypatch):
    if not looped:
        monkeypatch.setattr(module, "use_compiled", lambda *tensors: False)
    x = features(200, 40)
    matrix = CSR.from_torch(x.to_sparse_csr())
    weight = torch.eye(40, requires_grad=True)
    out = sparse_linear(matrix, weight, None, 0.8, torch.Generator().manual_seed(2))
    kept = out != 0
    torch.testing.assert_close(out[kept], x[kept] * 5, rtol=1e-3, atol=1e-4)
    assert float(kept.sum() / (x != 0).sum()) == pytest.approx(0.2, abs=0.03)
    g = torch.randn(200, 40)
    (out * g).sum().backward()
    torch.testing.assert_close(weight.grad, g.t() @ out)


def test_dropout_only_in_training_and_reproducible():
    x = features().to_sparse_csr()
    layer = SparseLinear(11, 4, dropout=0.5)
    torch.manual_seed(1)
    first = layer(x)
    torch.manual_seed(1)
    assert torch.equal(first, layer(x))
    assert not torch.equal(first, layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))
    assert "dropout=0.5" in repr(layer)
