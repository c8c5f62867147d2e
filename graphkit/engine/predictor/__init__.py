"""Fitted models on new data: tables in, tables out, by name; saved and opened elsewhere."""

from __future__ import annotations

from graphkit.engine.predictor.forecast import Appended, ForecastPredictor
from graphkit.engine.predictor.observed import Observed
from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.static import StaticPredictor
from graphkit.engine.predictor.stream import StreamPredictor

__all__ = [
    "Appended",
    "ForecastPredictor",
    "Observed",
    "Predictor",
    "StaticPredictor",
    "StreamPredictor",
]
