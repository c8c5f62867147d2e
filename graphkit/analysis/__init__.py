"""Analysis of fitted models: importance of their inputs, and plots of it."""

from graphkit.analysis.importance import node_importance
from graphkit.analysis.scalp import scalp_plot

__all__ = ["node_importance", "scalp_plot"]
