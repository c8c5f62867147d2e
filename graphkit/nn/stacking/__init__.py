"""Many models of one shape as one."""

from graphkit.nn.stacking.stack import SeededDropout, Stack

__all__ = [
    "SeededDropout",
    "Stack",
]
