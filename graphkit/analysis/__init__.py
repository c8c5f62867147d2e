"""What a fitted model has learnt: the importance of its inputs, and pictures of it."""

from graphkit.analysis.importance import node_importance
from graphkit.analysis.scalp import scalp_plot

__all__ = ["node_importance", "scalp_plot"]
