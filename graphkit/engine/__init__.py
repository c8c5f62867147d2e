"""The engine: fit, evaluate, checkpoints, results."""

from __future__ import annotations

from graphkit.engine.evaluate import evaluate
from graphkit.engine.fit import fit
from graphkit.engine.fit_many import fit_many
from graphkit.engine.result import Result, load_results, save_results
from graphkit.engine.seeds import seed_everything

__all__ = [
    "Result",
    "evaluate",
    "fit",
    "fit_many",
    "load_results",
    "save_results",
    "seed_everything",
]
