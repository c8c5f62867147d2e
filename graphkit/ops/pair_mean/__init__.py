"""Means of pairs of steps, in one pass forward and one backward."""

from graphkit.ops.pair_mean.op import pair_mean

__all__ = ["pair_mean"]
