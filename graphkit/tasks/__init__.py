"""Tasks: split, negatives, loss and metrics of each kind of prediction."""

from __future__ import annotations

from graphkit.tasks.link_prediction import LinkPrediction
from graphkit.tasks.node_classification import NodeClassification

__all__ = ["LinkPrediction", "NodeClassification"]
