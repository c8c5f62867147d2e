"""Propagation without weights, and the gate that adds up what it finds at every distance."""

from graphkit.ops.propagate.op import gated_propagation
from graphkit.ops.propagate.reference import gated_propagation_reference

__all__ = ["gated_propagation", "gated_propagation_reference"]
