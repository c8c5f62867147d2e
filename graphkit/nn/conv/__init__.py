"""Layers over ``x`` and ``edge_index``, called as PyG's."""

from graphkit.nn.conv.dagnn_conv import DAGNNConv

__all__ = ["DAGNNConv"]
