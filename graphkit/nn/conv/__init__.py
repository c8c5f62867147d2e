"""Layers over ``x`` and ``edge_index``, with the calling convention of PyG."""

from graphkit.nn.conv.dagnn_conv import DAGNNConv

__all__ = ["DAGNNConv"]
