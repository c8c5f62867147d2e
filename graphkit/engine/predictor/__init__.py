"""Fitted models on new data: tables in, tables out, by name; saved and opened elsewhere."""

from __future__ import annotations

from graphkit.engine.predictor.observed import Observed
from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.snapshot_edges import SnapshotEdgePredictor
from graphkit.engine.predictor.snapshot_links import SnapshotLinkPredictor
from graphkit.engine.predictor.snapshot_nodes import SnapshotNodePredictor
from graphkit.engine.predictor.steps import StepPredictor
from graphkit.engine.predictor.stream import StreamPredictor

__all__ = [
    "Observed",
    "Predictor",
    "SnapshotEdgePredictor",
    "SnapshotLinkPredictor",
    "SnapshotNodePredictor",
    "StepPredictor",
    "StreamPredictor",
]
