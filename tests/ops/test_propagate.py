"""Gated propagation against dense matrices, and its backward pass against autograd."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.ops.csr import CSR
from graphkit.ops.normalize import normalized_adjacency
from graphkit.ops.propagate import gated_propagation, gated_propagation_reference
from graphkit.ops.propagate import op as propagate
from tests.ops.dense_graphs import KINDS, dense_adjacency, graph


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("runs", [1, 5])
@pytest.mark.parametrize("K", [0, 1, 2, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_dense_oracle(kind, K, runs, classes):
    edges, n, weight = graph(kind)
    a = dense_adjacency(edges, n, weight)
    z = torch.randn(n, classes, runs, dtype=torch.float64)
    s, b = torch.randn(classes, runs, dtype=torch.float64), torch.randn(runs, dtype=torch.float64)
    expected = torch.zeros_like(z)
    for run in range(runs):
        for hop in range(K + 1):
            h = torch.linalg.matrix_power(a, hop) @ z[..., run]
            for i in range(n):
                gate = torch.sigmoid((h[i] * s[:, run]).sum() + b[run])
                expected[i, :, run] += gate * h[i]
    adjacency = normalized_adjacency(edges, n, weight, dtype=torch.float64)
    out = gated_propagation(z, s, b, adjacency, K)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    again = gated_propagation_reference(z, s, b, adjacency, K)
    torch.testing.assert_close(again, expected, rtol=1e-10, atol=1e-10)
    if K == 0:
        torch.testing.assert_close(out, torch.sigmoid((z * s).sum(1, keepdim=True) + b) * z)
    if kind == "none":
        torch.testing.assert_close(
            out, (K + 1) * torch.sigmoid((z * s).sum(1, keepdim=True) + b) * z
        )


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("kind", ["directed", "weighted", "one"])
@pytest.mark.parametrize("runs", [1, 5])
@pytest.mark.parametrize("K", [0, 3])
def test_gradcheck(kind, K, runs, keep):
    edges, n, weight = graph(kind, n=7)
    adjacency = normalized_adjacency(edges, n, weight, dtype=torch.float64)
    inputs = [
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((n, 3, runs), (3, runs), (runs,))
    ]
    assert torch.autograd.gradcheck(
        lambda z, s, b: gated_propagation(z, s, b, adjacency, K, keep=keep), inputs
    )


@pytest.mark.parametrize("looped", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_float32_gradients_equal_the_reference(keep, looped, monkeypatch):
    monkeypatch.setattr(propagate, "_LOOPED_RUNS", 1 if looped else 100)
    edges, n, _ = graph("directed")
    adjacency = normalized_adjacency(edges, n)
    inputs = [torch.randn(n, 5, 2), torch.randn(5, 2), torch.randn(2)]
    weight = torch.randn(n, 5, 2)
    found = []
    for function, options in (
        (gated_propagation, {"keep": keep}),
        (gated_propagation_reference, {}),
    ):
        leaves = [value.clone().requires_grad_() for value in inputs]
        out = function(*leaves, adjacency, 6, **options)
        found.append([out, *torch.autograd.grad((out * weight).sum(), leaves)])
    for a, b in zip(*found):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_what_is_kept_does_not_grow_with_depth():
    """Without gradients nothing is kept, with keep=False two numbers per node and hop."""
    edges, n, _ = graph("plain")
    adjacency, c = normalized_adjacency(edges, n), 50
    s, b = torch.randn(c, 1), torch.zeros(1)

    def kept(K, requires_grad, **options):
        sizes = []
        z = torch.randn(n, c, 1, requires_grad=requires_grad)

        def pack(t):
            sizes.append(t.numel())
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            gated_propagation(z, s, b, adjacency, K, **options)
        return sum(sizes)

    assert kept(50, False) == 0
    assert kept(50, True, keep=False) - kept(10, True, keep=False) == 40 * n
    assert kept(50, True, keep=True) - kept(10, True, keep=True) == 40 * n * (c + 1)


def test_far_propagation_reaches_the_known_limit():
    """On a connected graph the operator becomes u uᵀ with u = sqrt(degree / sum)."""
    n = 10
    ring = torch.arange(n)
    edges = torch.cat([torch.stack([ring, (ring + step) % n]) for step in (1, -1, 3, -3)], dim=1)
    extra = torch.tensor([[0, 5], [5, 0]])
    edges = torch.cat([edges, extra], dim=1)
    other = torch.tensor([[n, n + 1], [n + 1, n]])  # a component of its own
    adjacency = normalized_adjacency(torch.cat([edges, other], dim=1), n + 2, dtype=torch.float64)
    z = torch.rand(n + 2, 3, dtype=torch.float64)
    h = z
    for _ in range(200):
        h = adjacency.matmul(h)
    degree = torch.full((n,), 5.0, dtype=torch.float64)
    degree[0] = degree[5] = 6
    u = (degree / degree.sum()).sqrt()
    limit = u[:, None] * (u @ z[:n])
    assert float((h[:n] - limit).norm() / limit.norm()) < 1e-4
    torch.testing.assert_close(h[n:], z[n:].mean(0).expand(2, 3))
    out = gated_propagation(
        z.unsqueeze(2),
        torch.ones(3, 1, dtype=torch.float64),
        torch.zeros(1).double(),
        adjacency,
        200,
    )
    assert bool(out.isfinite().all())


def test_negative_depth():
    edges, n, _ = graph("plain")
    with pytest.raises(GraphError, match="'K'"):
        gated_propagation(
            torch.randn(n, 1, 1),
            torch.ones(1, 1),
            torch.ones(1),
            normalized_adjacency(edges, n),
            -1,
        )


def test_csr_refuses_indices_outside():
    one = torch.ones(1)
    with pytest.raises(GraphError, match="column index"):
        CSR.from_coo(torch.tensor([0]), torch.tensor([2]), one, (2, 2))


def test_second_derivative_is_refused():
    edges, n, _ = graph("plain")
    z = torch.randn(n, 2, 1, requires_grad=True)
    out = gated_propagation(z, torch.ones(2, 1), torch.zeros(1), normalized_adjacency(edges, n), 2)
    (grad,) = torch.autograd.grad(out.square().sum(), z, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
