"""Tasks: split, negatives, loss and metrics of each kind of prediction."""

from __future__ import annotations

from graphkit.registry import names
from graphkit.tasks.edge_classification import EdgeClassification
from graphkit.tasks.forecast import Forecast
from graphkit.tasks.graph_classification import GraphClassification
from graphkit.tasks.link_prediction import LinkPrediction
from graphkit.tasks.node_classification import NodeClassification
from graphkit.tasks.part_classification import PartClassification
from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction
from graphkit.tasks.snapshot_node_classification import SnapshotNodeClassification

__all__ = [
    "EdgeClassification",
    "Forecast",
    "GraphClassification",
    "LinkPrediction",
    "NodeClassification",
    "PartClassification",
    "SnapshotLinkPrediction",
    "SnapshotNodeClassification",
    "list_tasks",
]


def list_tasks() -> list[str]:
    """Names of all registered tasks, sorted."""
    return names("task")
