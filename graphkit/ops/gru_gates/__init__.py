"""GRU steps as single differentiable operations, gates along the first axis."""

from graphkit.ops.gru_gates.op import gru_gates, gru_lookup
from graphkit.ops.gru_gates.reference import gru_gates_reference, gru_lookup_reference

__all__ = ["gru_gates", "gru_gates_reference", "gru_lookup", "gru_lookup_reference"]
