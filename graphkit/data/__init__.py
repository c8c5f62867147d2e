"""Data: one container, four views."""

from graphkit.data.batches import EventBatch, EventBatches
from graphkit.data.columns import NodeEvents
from graphkit.data.splits import HeldOutNodes, Split
from graphkit.data.temporal_graph import TemporalGraph
from graphkit.data.time_unit import TimeUnit

__all__ = [
    "EventBatch",
    "EventBatches",
    "HeldOutNodes",
    "NodeEvents",
    "Split",
    "TemporalGraph",
    "TimeUnit",
]
