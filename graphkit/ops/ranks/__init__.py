"""Counting for ranks as loops: where scores stand among thresholds, and who outranks a score."""

from graphkit.ops.ranks.loops import cells_of, count_reached, count_rivals

__all__ = ["cells_of", "count_reached", "count_rivals"]
