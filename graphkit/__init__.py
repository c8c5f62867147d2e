"""graphkit: learning on graphs and on temporal networks, with PyTorch and PyG.

``import graphkit`` makes every package reachable, such as ``graphkit.nn.DAGNNConv`` or
``graphkit.models.NAT``; a package is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphkit import renamed as renamed  # finds modules by their old names
from graphkit.errors import GraphError
from graphkit.lazy import lazy_names

if TYPE_CHECKING:
    from graphkit import (
        analysis,
        data,
        datasets,
        encoders,
        engine,
        errors,
        metrics,
        models,
        nn,
        ops,
        registry,
        sampling,
        tasks,
        testing,
    )
    from graphkit.data import EventBatch, NodeEvents, TemporalGraph, TimeUnit
    from graphkit.datasets import list_datasets, load
    from graphkit.encoders import list_encoders
    from graphkit.engine import Predictor, Result, evaluate, fit, fit_many, seed_everything
    from graphkit.models import list_models
    from graphkit.protocols import Hook
    from graphkit.tasks import (
        EdgeClassification,
        Forecast,
        LinkPrediction,
        NodeClassification,
        RecordingClassification,
        SnapshotLinkPrediction,
        SnapshotNodeClassification,
        WindowClassification,
        list_tasks,
    )

__version__ = "0.1.0.dev0"

__all__ = [
    # data
    "EventBatch",
    "GraphError",
    "NodeEvents",
    "TemporalGraph",
    "TimeUnit",
    "load",
    # tasks
    "EdgeClassification",
    "Forecast",
    "LinkPrediction",
    "NodeClassification",
    "RecordingClassification",
    "SnapshotLinkPrediction",
    "SnapshotNodeClassification",
    "WindowClassification",
    # training and use
    "Hook",
    "Predictor",
    "Result",
    "evaluate",
    "fit",
    "fit_many",
    "seed_everything",
    # registry of names
    "list_datasets",
    "list_encoders",
    "list_models",
    "list_tasks",
    # packages
    "analysis",
    "data",
    "datasets",
    "encoders",
    "engine",
    "errors",
    "metrics",
    "models",
    "nn",
    "ops",
    "registry",
    "sampling",
    "tasks",
    "testing",
]

__getattr__, __dir__ = lazy_names(__name__)
