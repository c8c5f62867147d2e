"""Linear attention with decay, in three forms that agree."""

from graphkit.ops.linear_attention.op import (
    ATTENTION_FORMS,
    linear_attention,
    linear_attention_step,
)
from graphkit.ops.linear_attention.reference import linear_attention_reference

__all__ = [
    "ATTENTION_FORMS",
    "linear_attention",
    "linear_attention_reference",
    "linear_attention_step",
]
