"""graphkit: learning on graphs and on temporal networks, with PyTorch and PyG."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from graphkit.data import EventBatch, NodeEvents, TemporalGraph, TimeUnit
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.datasets import list_datasets, load
    from graphkit.engine import Result, evaluate, fit, seed_everything
    from graphkit.models import list_models
    from graphkit.tasks import (
        EdgeClassification,
        LinkPrediction,
        NodeClassification,
        SnapshotLinkPrediction,
        SnapshotNodeClassification,
    )

__version__ = "0.1.0.dev0"

# Opened when first asked for, so that importing graphkit stays light.
_LAZY = {
    "EdgeClassification": "graphkit.tasks",
    "LinkPrediction": "graphkit.tasks",
    "NodeClassification": "graphkit.tasks",
    "Result": "graphkit.engine",
    "SnapshotLinkPrediction": "graphkit.tasks",
    "SnapshotNodeClassification": "graphkit.tasks",
    "evaluate": "graphkit.engine",
    "fit": "graphkit.engine",
    "list_datasets": "graphkit.datasets",
    "list_models": "graphkit.models",
    "load": "graphkit.datasets",
    "seed_everything": "graphkit.engine",
}

__all__ = [
    "EventBatch",
    "GraphError",
    "NodeEvents",
    "TemporalGraph",
    "TimeUnit",
    "EdgeClassification",
    "LinkPrediction",
    "NodeClassification",
    "Result",
    "SnapshotLinkPrediction",
    "SnapshotNodeClassification",
    "evaluate",
    "fit",
    "list_datasets",
    "list_models",
    "load",
    "seed_everything",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name == "encoders":  # so that graphkit.encoders.sequence("gru", ...) needs no second import
        return importlib.import_module("graphkit.encoders")
    raise AttributeError(f"module 'graphkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
