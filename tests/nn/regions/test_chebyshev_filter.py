"""Chebyshev filters: items 3, 4 and 7 of the acceptance list."""

import math

import pytest
import torch
import torch.nn.functional as F

from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.regions import ChebyshevFilter, RegionHierarchy, scaled_laplacian

BUNDLED = {
    f"{name} {level}": a
    for name in ("quadrants", "five", "three")
    for h in [RegionHierarchy.dreamer(name)]
    for level, a in [*enumerate(h.region_adj), ("regions", h.super_adj)]
}


@pytest.mark.parametrize("name", BUNDLED)
def test_eigenvalues_of_every_bundled_graph(name):
    values = torch.linalg.eigvalsh(scaled_laplacian(BUNDLED[name]))
    assert float(values.min()) == pytest.approx(-1)
    assert float(values.max()) == pytest.approx(1)


def test_identity():
    h = RegionHierarchy.dreamer()
    layer = ChebyshevFilter(h.region_adj, h.hops, h.partition, init="identity")
    x = torch.randn(3, 62, 14)
    torch.testing.assert_close(layer(x), x)
    assert sum(p.numel() for p in layer.parameters()) == 12


def test_equals_the_polynomial_of_the_eigenvalues():
    """T_k(cos a) = cos(k a) at every eigenvalue, region by region."""
    h = RegionHierarchy.dreamer("three")
    layer = ChebyshevFilter(h.region_adj, (3, 2, 0), h.partition)
    x = torch.randn(2, 9, 14)
    out, weights = layer(x), layer.weight.detach().double().split([4, 3, 1])
    for part, a, w in zip(h.partition, h.region_adj, weights):
        d = torch.diag(a.double().sum(1))
        values, vectors = torch.linalg.eigh(d - a.double())
        scaled = 2 * values / values.max() - 1
        response = sum(
            float(w_k) * torch.tensor([math.cos(k * math.acos(max(-1, min(1, v)))) for v in scaled])
            for k, w_k in enumerate(w)
        )
        p = vectors @ torch.diag(response.double()) @ vectors.T
        expected = (x[..., list(part)].double() @ p).float()
        torch.testing.assert_close(out[..., list(part)], expected, atol=1e-5, rtol=1e-5)


def test_relabelling_nodes():
    a = RegionHierarchy.dreamer().region_adj[0]
    order = torch.tensor([2, 0, 3, 1])
    one, other = ChebyshevFilter(a, 2), ChebyshevFilter(a[order][:, order], 2)
    other.load_state_dict(one.state_dict())
    x = torch.randn(5, 4)
    torch.testing.assert_close(other(x[:, order]), one(x)[:, order])


def test_regions_in_any_order_of_nodes():
    a = [torch.ones(2, 2) - torch.eye(2), torch.ones(3, 3) - torch.eye(3)]
    apart = ChebyshevFilter(a, 2, [[0, 3], [4, 1, 2]])
    ordered = ChebyshevFilter(a, 2)
    ordered.load_state_dict(apart.state_dict())
    x = torch.randn(7, 5)
    order = [0, 3, 4, 1, 2]
    torch.testing.assert_close(apart(x)[:, order], ordered(x[:, order]))


@pytest.mark.parametrize("n", [1, 3])
def test_without_edges(n):
    torch.testing.assert_close(scaled_laplacian(torch.zeros(n, n)), -torch.eye(n).double())
    layer = ChebyshevFilter(torch.zeros(n, n), 2)
    x = torch.randn(4, n)
    factor = layer.weight[0] - layer.weight[1] + layer.weight[2]  # T_k(-1) = (-1)^k
    torch.testing.assert_close(layer(x), factor * x)


def test_does_not_commute_with_convolution_over_time():
    """The example of the paper's supplement."""
    a = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    x = torch.tensor([[1.0, 3.0, -1.0, -2.0], [-1.0, 2.0, 1.0, 0.0]])
    w = torch.tensor([[-1.0, 2.0], [3.0, 1.0]])

    def conv(x):
        return F.conv1d(x.unsqueeze(0), w.unsqueeze(1), groups=2).squeeze(0)

    after = torch.tensor([[7.5, -5.0, -3.5], [2.0, 11.0, 0.5]])
    before = torch.tensor([[4.5, -1.5, -1.5], [1.5, 4.5, 1.5]])
    torch.testing.assert_close(conv(a @ x), after)
    torch.testing.assert_close(a @ conv(x), before)


def test_refuses():
    a = torch.zeros(2, 2)
    with pytest.raises(GraphError, match="do not match"):
        ChebyshevFilter([a, a], 2, [[0, 1], [2]])
    with pytest.raises(GraphError, match="do not match"):
        ChebyshevFilter([a, a], [2])
    with pytest.raises(GraphError, match="hops"):
        ChebyshevFilter(a, -1)
    with pytest.raises(UnknownNameError):
        ChebyshevFilter(a, 1, init="zeros")
