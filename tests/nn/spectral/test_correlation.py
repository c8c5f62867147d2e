"""Coordinates from correlations, and their signs."""

import torch

from graphkit.nn.spectral import correlation_basis


def test_correlation():
    common = torch.randn(200, 2).double()
    signal = torch.stack([common[:, 0], 3 * common[:, 0] + 1, common[:, 1], -common[:, 1]], dim=1)
    signal = torch.cat([signal, torch.full((200, 1), 7.0).double()], dim=1)
    vectors, values = correlation_basis(signal, num_vectors=2)
    r = torch.corrcoef(signal[:, :4].t())
    expected = torch.linalg.eigvalsh(r).flip(0)[:2]
    torch.testing.assert_close(values.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(vectors[0], vectors[1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(vectors[2], -vectors[3], rtol=1e-4, atol=1e-4)
    assert bool((vectors[4].abs() < 1e-6).all())
