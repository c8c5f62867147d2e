"""The engine: fit, evaluate, checkpoints, results, and predictors of fitted models."""

from __future__ import annotations

from graphkit.engine.evaluate import evaluate
from graphkit.engine.fit import fit
from graphkit.engine.fit_many import fit_many
from graphkit.engine.hooks import Training
from graphkit.engine.log_metrics import LogMetrics
from graphkit.engine.predictor import Predictor
from graphkit.engine.result import Result, load_results, save_results
from graphkit.engine.seeds import seed_everything

__all__ = [
    "LogMetrics",
    "Predictor",
    "Result",
    "Training",
    "evaluate",
    "fit",
    "fit_many",
    "load_results",
    "save_results",
    "seed_everything",
]
