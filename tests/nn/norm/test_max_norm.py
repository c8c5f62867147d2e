"""Projection of weight vectors: values, and what the optimiser sees."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.norm.max_norm import MaxNorm


def test_projects_long_vectors_only():
    w = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    expected = torch.tensor([[0.6, 0.8], [0.3, 0.4]])
    torch.testing.assert_close(MaxNorm(1.0, dim=1).eval()(w), expected)
    entries = torch.tensor([[1.0, 1.0], [0.3, 0.4]])
    torch.testing.assert_close(MaxNorm(1.0, dim=()).eval()(w), entries)


def test_vectors_scattered_in_a_flat_weight():
    w = torch.tensor([3.0, 0.1, 4.0])
    norm = MaxNorm(1.0, groups=torch.tensor([0, 1, 0])).eval()
    torch.testing.assert_close(norm(w), torch.tensor([0.6, 0.1, 0.8]))
    torch.testing.assert_close(norm(torch.stack([w, 0 * w]))[0], norm(w))


def test_training_is_projected_gradient_descent():
    """As if the weight were projected by hand after every step, with Adam's moments kept."""
    torch.manual_seed(0)
    a = torch.nn.Parameter(torch.randn(4, 6))
    b = torch.nn.Parameter(a.detach().clone())
    x, y = torch.randn(20, 6), 3 * torch.randn(20, 4)
    norm = MaxNorm(1.0, dim=1)
    optimizers = [torch.optim.Adam([p], lr=0.3) for p in (a, b)]
    with torch.no_grad():
        b.mul_(1 / b.norm(dim=1, keepdim=True).clamp_min(1))
    for _ in range(30):
        ((x @ norm(a).T - y) ** 2).mean().backward()
        ((x @ b.T - y) ** 2).mean().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            b.mul_(1 / b.norm(dim=1, keepdim=True).clamp_min(1))
        assert float(norm(a).detach().norm(dim=1).max()) <= 1 + 1e-6
        torch.testing.assert_close(a, b)
    assert float(a.detach().norm(dim=1).max()) > 0.99  # the limit was met


def test_two_readings_before_one_backward():
    w = torch.nn.Parameter(5 * torch.ones(2, 3))
    norm = MaxNorm()
    (norm(w).square().sum() + norm(w).sum()).backward()
    assert bool(w.grad.isfinite().all())


def test_evaluation_writes_nothing():
    w = torch.nn.Parameter(5 * torch.ones(2, 3))
    MaxNorm().eval()(w)
    assert bool((w == 5).all())


def test_refuses():
    with pytest.raises(GraphError, match="norm"):
        MaxNorm(0.0)
