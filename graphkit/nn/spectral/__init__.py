"""Coordinates of nodes: the low frequencies of a graph, or of a correlation."""

from graphkit.nn.spectral.correlation import correlation_basis
from graphkit.nn.spectral.eigenvectors import fix_signs, leading_eigenvectors
from graphkit.nn.spectral.laplacian import laplacian_basis

__all__ = ["correlation_basis", "fix_signs", "laplacian_basis", "leading_eigenvectors"]
