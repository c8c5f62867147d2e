"""Tasks: split, negatives, loss and metrics of each kind of prediction."""

from __future__ import annotations

from graphkit.tasks.link_prediction import LinkPrediction

__all__ = ["LinkPrediction"]
