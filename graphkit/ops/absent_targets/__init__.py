"""Random nodes that a source has no edge to: what an edge is ranked among."""

from graphkit.ops.absent_targets.op import absent_targets

__all__ = ["absent_targets"]
