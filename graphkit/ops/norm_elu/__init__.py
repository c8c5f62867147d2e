"""Batch normalisation and ELU as one operation: one tensor kept for the way back instead of two."""

from graphkit.ops.norm_elu.op import norm_elu

__all__ = ["norm_elu"]
