"""Many steps of a matrix GRU as one differentiable operation."""

from graphkit.ops.matrix_gru_steps.op import matrix_gru_steps
from graphkit.ops.matrix_gru_steps.reference import matrix_gru_steps_reference

__all__ = ["matrix_gru_steps", "matrix_gru_steps_reference"]
