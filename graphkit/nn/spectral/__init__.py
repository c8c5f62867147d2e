"""Coordinates of nodes: the low frequencies of a graph, or of a correlation."""

from graphkit.nn.spectral.laplacian import correlation_basis, fix_signs, laplacian_basis

__all__ = [
    "correlation_basis",
    "fix_signs",
    "laplacian_basis",
]
