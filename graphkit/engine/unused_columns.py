"""Columns of a graph that neither its task nor its model reads: named, not dropped in silence."""

from __future__ import annotations

import warnings
import weakref
from typing import Any

from graphkit.engine.model_name import model_name
from graphkit.errors import GraphWarning

__all__ = ["protocol_of", "unused_columns", "warn_of_unused"]

_COLUMNS = ("edge_attr", "edge_weight", "edge_type", "x", "node_type", "node_events", "signal")
_HINTS = {
    "edge_attr": " (a weight is read from edge_weight)",
    "edge_type": " (no model reads types of edges)",
    "node_events": " (their features x)",
    "node_type": " (no model reads types of nodes)",
}
_named: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()


def unused_columns(model: Any, task: Any) -> list[str]:
    """The columns that the graph of a task has and that neither the task nor the model reads.

    Labels (``y``, ``edge_y``, ``node_events.y``) are not among them, because they are targets of
    some task; nor are columns that the task was told not to read (``columns_declined``).

    Args:
        model: A model; it does not read the columns in its ``columns_ignored``.
        task: A task. For a task of another base than
            :class:`~graphkit.tasks.graph_task.GraphTask`, without ``columns_read``, no column
            counts as unused.
    """
    graph = getattr(task, "graph", None)
    if graph is None or not hasattr(task, "columns_read"):
        return []
    read = task.columns_read(model) - set(getattr(model, "columns_ignored", ()))
    if hasattr(task, "columns_declined"):
        read |= task.columns_declined()
    there = [name for name in _COLUMNS if getattr(graph, name, None) is not None]
    if graph.node_events is not None and graph.node_events.x is None:
        there.remove("node_events")
    return [name for name in there if name not in read]


def warn_of_unused(model: Any, task: Any) -> None:
    """Name the columns that are not read, once for each task."""
    known = _named.setdefault(task, set())
    new = [name for name in unused_columns(model, task) if name not in known]
    if not new:
        return
    known.update(new)
    names = model_name(model), type(task).__name__
    columns = ", ".join(f"'{name}'{_HINTS.get(name, '')}" for name in new)
    warnings.warn(
        f"{names[0]} in {names[1]} does not read {columns}, which the graph has.",
        GraphWarning,
        stacklevel=4,
    )


def protocol_of(model: Any, task: Any) -> dict[str, Any]:
    """The protocol of a task, with the columns that are not read."""
    unused = unused_columns(model, task)
    return {**task.protocol(), **({"columns_not_read": unused} if unused else {})}
