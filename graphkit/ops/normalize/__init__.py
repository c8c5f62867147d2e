"""The normalised adjacency of a graph convolution."""

from graphkit.ops.normalize.op import normalized_adjacency, normalized_edges

__all__ = ["normalized_adjacency", "normalized_edges"]
