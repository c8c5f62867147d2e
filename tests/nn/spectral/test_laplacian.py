"""Laplacian and correlation coordinates against dense algebra and known graphs."""

import math

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.spectral import correlation_basis, eigenvectors, fix_signs, laplacian_basis


def dense_laplacian(edge_index, num_nodes, weight):
    a = torch.zeros(num_nodes, num_nodes, dtype=torch.float64)
    for (s, t), w in zip(edge_index.t().tolist(), weight.tolist()):
        if s != t:
            a[s, t] += w / 2
            a[t, s] += w / 2
    root = torch.tensor([1 / math.sqrt(d) if d > 0 else 0.0 for d in a.sum(1)]).double()
    return torch.eye(num_nodes).double() - root[:, None] * a * root


@pytest.mark.parametrize("lanczos", [False, True])
def test_eigenvectors_of_the_laplacian(lanczos, monkeypatch):
    if lanczos:
        monkeypatch.setattr(eigenvectors, "_DENSE", 4)
    edge_index = torch.cat([torch.randint(30, (2, 90)), torch.arange(30).expand(2, -1)], dim=1)
    weight = torch.rand(120) + 0.1
    vectors, values = laplacian_basis(edge_index, 30, weight, num_vectors=6)
    matrix = dense_laplacian(edge_index, 30, weight)
    expected = torch.linalg.eigvalsh(matrix)
    torch.testing.assert_close(values.double(), expected[1:7], rtol=1e-4, atol=1e-5)
    v = vectors.double()
    torch.testing.assert_close(matrix @ v, v * values.double(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(v.t() @ v / 30, torch.eye(6).double(), rtol=1e-4, atol=1e-4)


def test_a_ring_has_waves():
    n = 12
    ring = torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])
    _, values = laplacian_basis(ring, n, num_vectors=4)
    wave = [1 - math.cos(2 * math.pi * k / n) for k in (1, 1, 2, 2)]
    torch.testing.assert_close(values, torch.tensor(wave), rtol=1e-5, atol=1e-6)


def test_small_graphs_are_padded_and_lone_nodes_are_fine():
    vectors, values = laplacian_basis(torch.tensor([[0], [1]]), 3, num_vectors=5)
    assert vectors.shape == (3, 5)
    assert bool(vectors.isfinite().all())
    assert bool((vectors[:, 2:] == 0).all())
    assert values[2:].tolist() == [2.0, 2.0, 2.0]
    vectors, _ = laplacian_basis(torch.empty(2, 0, dtype=torch.long), 1, num_vectors=2)
    assert vectors.tolist() == [[0.0, 0.0]]


def test_signs():
    v = torch.tensor([[1.0, 0.0, -2.0], [-3.0, 0.0, 2.0]])
    assert fix_signs(v).tolist() == [[-1.0, 0.0, 2.0], [3.0, 0.0, -2.0]]
    assert torch.equal(fix_signs(-v), fix_signs(v))


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_weights_that_are_none(value):
    with pytest.raises(GraphError, match="edge_weight"):
        laplacian_basis(torch.tensor([[0], [1]]), 2, torch.tensor([value]))


def test_other_errors():
    with pytest.raises(GraphError, match="no such node"):
        laplacian_basis(torch.tensor([[0], [2]]), 2)
    with pytest.raises(GraphError, match="no correlation"):
        correlation_basis(torch.full((4, 2), float("nan")))
