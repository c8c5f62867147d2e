"""Random pairs without repetition: the negatives of a snapshot."""

from graphkit.ops.distinct_pairs.op import distinct_pairs

__all__ = ["distinct_pairs"]
