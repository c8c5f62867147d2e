"""Metrics: average precision and ROC-AUC of a whole split, ranks among candidates, errors of
forecasts."""

from __future__ import annotations

from graphkit.metrics.binary import average_precision, batch_mean, roc_auc
from graphkit.metrics.forecast import (
    forecast_errors,
    masked_mae,
    masked_mape,
    masked_rmse,
    wape,
)
from graphkit.metrics.ranking import hits_at_k, mrr, ranks

__all__ = [
    "average_precision",
    "batch_mean",
    "forecast_errors",
    "hits_at_k",
    "masked_mae",
    "masked_mape",
    "masked_rmse",
    "mrr",
    "ranks",
    "roc_auc",
    "wape",
]
