"""Spherical k-means against plain loops."""

import math

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.ops.kmeans import spherical_kmeans


def test_finds_directions():
    angle = torch.tensor([0.3, 2.0, 4.1])
    centre = torch.stack([angle.cos(), angle.sin()], dim=1)
    x = (centre.repeat(40, 1) + 0.05 * torch.randn(120, 2)) * (torch.rand(120, 1) + 0.1)
    found = spherical_kmeans(x, 3)
    best = (centre @ found.t()).max(dim=1)
    assert sorted(best.indices.tolist()) == [0, 1, 2]
    assert bool((best.values > math.cos(0.05)).all())


def test_converged_centroids_are_the_means_of_their_rows():
    x = torch.randn(60, 4).double()
    found = spherical_kmeans(x, 5, num_rounds=100, batch_size=7)
    rows = [r / r.norm() for r in x]
    total = [torch.zeros(4).double() for _ in range(5)]
    for row in rows:
        total[max(range(5), key=lambda c: float(row @ found[c]))] += row
    torch.testing.assert_close(found, torch.stack([t / t.norm() for t in total]))


def test_the_batch_size_does_not_matter_and_the_seed_does():
    x = torch.randn(50, 3).double()
    one = spherical_kmeans(x, 4, batch_size=50, seed=1)
    torch.testing.assert_close(one, spherical_kmeans(x, 4, batch_size=3, seed=1))
    assert not torch.equal(one, spherical_kmeans(x, 4, seed=2))


def test_fewer_rows_than_clusters_and_rows_of_zeros():
    x = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    found = spherical_kmeans(x, 5)
    assert found.shape == (5, 2)
    assert bool(found.isfinite().all())
    torch.testing.assert_close(found.norm(dim=1), torch.ones(5))
    for direction in ([1.0, 0.0], [0.0, 1.0]):
        assert bool((found @ torch.tensor(direction) > 0.999).any())


@pytest.mark.parametrize(
    ("x", "what"),
    [
        (torch.zeros(3, 2), "every row is zero"),
        (torch.tensor([[float("nan"), 1.0]]), "not finite"),
        (torch.ones(3), "not rows"),
    ],
)
def test_errors(x, what):
    with pytest.raises(GraphError, match=what):
        spherical_kmeans(x, 2)
