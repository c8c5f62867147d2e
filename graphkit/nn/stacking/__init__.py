"""Many models of one shape as one."""

from graphkit.nn.stacking.stack import Stack

__all__ = ["Stack"]
