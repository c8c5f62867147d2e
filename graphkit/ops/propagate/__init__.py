"""Propagation without weights, and the gate that adds up what it finds at every distance."""

from graphkit.ops.propagate.op import (
    gated_propagation,
    gated_propagation_reference,
    normalized_adjacency,
    normalized_edges,
)

__all__ = [
    "gated_propagation",
    "gated_propagation_reference",
    "normalized_adjacency",
    "normalized_edges",
]
