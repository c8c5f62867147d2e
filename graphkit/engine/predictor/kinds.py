"""The kinds of predictors; a new kind is one line here."""

from __future__ import annotations

from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.stream import StreamPredictor

__all__ = ["KINDS"]

KINDS: tuple[type[Predictor], ...] = (StreamPredictor,)
