"""Layers for features of which most are zero."""

from graphkit.nn.sparse.linear import SparseLinear, sparse_linear

__all__ = ["SparseLinear", "sparse_linear"]
