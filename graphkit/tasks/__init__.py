"""Tasks: split, negatives, loss and metrics for each kind of prediction."""

from __future__ import annotations

from typing import Any

from graphkit import renamed
from graphkit.registry import names
from graphkit.tasks.answer import Answer
from graphkit.tasks.edge_classification import EdgeClassification
from graphkit.tasks.forecast import Forecast
from graphkit.tasks.link_prediction import LinkPrediction
from graphkit.tasks.node_classification import NodeClassification
from graphkit.tasks.recording_classification import RecordingClassification
from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction
from graphkit.tasks.snapshot_node_classification import SnapshotNodeClassification
from graphkit.tasks.window_classification import WindowClassification

__all__ = [
    "Answer",
    "EdgeClassification",
    "Forecast",
    "LinkPrediction",
    "NodeClassification",
    "RecordingClassification",
    "SnapshotLinkPrediction",
    "SnapshotNodeClassification",
    "WindowClassification",
    "list_tasks",
]


def list_tasks() -> list[str]:
    """Names of all registered tasks, sorted."""
    return names("task")


def __getattr__(name: str) -> Any:
    return renamed.forwarded(__name__, name)
