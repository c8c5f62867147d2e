"""Layers for features of which most are zero."""

from graphkit.nn.sparse.linear import SparseLinear, fast_dropout, relu_dropout, sparse_linear

__all__ = [
    "SparseLinear",
    "fast_dropout",
    "relu_dropout",
    "sparse_linear",
]
