"""Metrics: average precision and ROC-AUC of a whole split, ranks among candidates."""

from __future__ import annotations

from graphkit.metrics.binary import average_precision, batch_mean, roc_auc
from graphkit.metrics.ranking import hits_at_k, mrr, ranks

__all__ = ["average_precision", "batch_mean", "hits_at_k", "mrr", "ranks", "roc_auc"]
