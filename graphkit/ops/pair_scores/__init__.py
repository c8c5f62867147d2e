"""Scores of all pairs of rows under a two-layer perceptron, without the pairs' hidden layers."""

from graphkit.ops.pair_scores.op import pair_scores

__all__ = ["pair_scores"]
