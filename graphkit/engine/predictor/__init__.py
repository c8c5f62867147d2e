"""Predictors: fitted models that read and return tables by name, and can be saved and opened."""

from __future__ import annotations

from graphkit.engine.predictor.forecast import Appended, ForecastPredictor
from graphkit.engine.predictor.observed import Observed
from graphkit.engine.predictor.predictor import Predictor
from graphkit.engine.predictor.recordings import RecordingPredictor
from graphkit.engine.predictor.snapshot_edges import SnapshotEdgePredictor
from graphkit.engine.predictor.snapshot_links import SnapshotLinkPredictor
from graphkit.engine.predictor.snapshot_nodes import SnapshotNodePredictor
from graphkit.engine.predictor.static import StaticPredictor
from graphkit.engine.predictor.steps import StepPredictor
from graphkit.engine.predictor.stream import StreamPredictor
from graphkit.engine.predictor.windows import WindowPredictor

__all__ = [
    "Appended",
    "ForecastPredictor",
    "Observed",
    "Predictor",
    "RecordingPredictor",
    "SnapshotEdgePredictor",
    "SnapshotLinkPredictor",
    "SnapshotNodePredictor",
    "StaticPredictor",
    "StepPredictor",
    "StreamPredictor",
    "WindowPredictor",
]
