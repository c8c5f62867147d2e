"""Checks that a model fits a task before anything runs."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from graphkit import registry, renamed
from graphkit.data import TemporalGraph
from graphkit.errors import GraphError

__all__ = ["check_match", "check_model", "check_task", "view_of"]

_READS = {
    "stream": "a stream of events",
    "snapshot": "snapshots",
    "signal": "windows of a signal",
    "static": "a static graph",
}


def check_model(model: object) -> None:
    """Refuse a value that is not a model, such as the name of a model.

    Raises:
        GraphError: The value is not a ``torch.nn.Module``.
    """
    if isinstance(model, nn.Module):
        return
    fix = None
    if isinstance(model, str):
        fix = f"Make it first: graphkit.registry.get('model', {model!r}).from_task(task)."
    elif isinstance(model, type):
        fix = f"Make one of the class: {model.__name__}.from_task(task)."
    raise GraphError("model", "not a model", expected="a torch.nn.Module", got=repr(model), fix=fix)


def check_task(task: object) -> None:
    """Refuse a value that is not a task, such as a graph.

    Raises:
        GraphError: The value is not a task, or is a task written for an older version.
    """
    needed = ("stream", "past", "score", "metrics")
    if not isinstance(task, type) and all(hasattr(task, name) for name in needed):
        return
    old = None if isinstance(task, type) else renamed.method("task", task)
    if old is not None:
        raise GraphError(
            "task",
            f"{type(task).__name__} has a method {old.old}(), which is called {old.new}() now",
            fix=f"Rename the method to {old.new}.",
        )
    fix = None
    if isinstance(task, TemporalGraph):
        fix = "Make a task of the graph: LinkPrediction(graph)."
    raise GraphError(
        "task", "not a task", expected="such as LinkPrediction(graph)", got=repr(task), fix=fix
    )


def check_match(model: nn.Module, task: Any) -> None:
    """Refuse a model that does not fit the task.

    A registered model is checked by its registered facts, any other model by its methods and the
    arguments of ``forward``; a model for which these are inconclusive is accepted. A task without
    a ``view`` accepts every model.

    Args:
        model: A model.
        task: A task. The attributes ``view``, ``calls`` (methods of a model that ``task.score``
            calls) and ``kind`` (the kind of signal models) are read.

    Raises:
        GraphError: The model reads another view or solves other tasks; the message names the
            registered models that fit.
    """
    view = getattr(task, "view", None)
    if view is None:
        return
    name, asked = type(model).__name__, type(task).__name__
    found = view_of(model)
    if found not in (None, view):
        _refuse(task, f"{name} reads {_READS[found]}, and {asked} asks about {_READS[view]}")
    entry = registry.find(type(model), "model")
    tasks = () if entry is None else entry.facts.get("tasks", ())
    if tasks and registry.find(type(task), "task") is not None and task.name not in tasks:
        _refuse(task, f"{name} is made for {' and '.join(tasks)}, not for {task.name}")
    kind, wanted = getattr(model, "kind", None), getattr(task, "kind", None)
    if isinstance(kind, str) and wanted is not None and kind != wanted:
        _refuse(task, f"{name} is a model of kind {kind!r}, and {asked} needs one of {wanted!r}")
    for method in getattr(task, "calls", ()):
        if not _has(model, method):
            how = f"Make it with {name}.from_task(task)." if hasattr(model, "from_task") else None
            _refuse(task, f"{name} has no method {method}(), which {asked} calls", how)


def view_of(model: nn.Module | type) -> str | None:
    """Return the view of a graph that a model reads, from its registered facts or its methods.

    Args:
        model: A model or its class.

    Returns:
        One of :data:`graphkit.registry.VIEWS`, or ``None`` if it cannot be determined.
    """
    cls = model if isinstance(model, type) else type(model)
    entry = registry.find(cls, "model")
    if entry is not None and "view" in entry.facts:
        return entry.facts["view"]
    if callable(getattr(model, "score", None)) and callable(getattr(model, "observe", None)):
        return "stream"
    if callable(getattr(model, "rank", None)) or callable(getattr(model, "link_logits", None)):
        return "snapshot"
    try:
        names = list(inspect.signature(model.forward).parameters)
    except (AttributeError, TypeError, ValueError):
        return None
    if "snapshots" in names:
        return "snapshot"
    if "edge_index" in names:
        return "static"
    return "signal" if "covariates" in names else None


def _has(model: nn.Module, method: str) -> bool:
    """Whether a model has a method; the default ``forward`` of every module does not count."""
    if method == "forward" and type(model).forward is nn.Module.forward:
        return False
    return callable(getattr(model, method, None))


def _refuse(task: Any, problem: str, fix: str | None = None) -> None:
    would_do = _would_do(task)
    raise GraphError(
        "model",
        problem,
        expected=" or ".join(would_do) if would_do else f"a model of {_READS[task.view]}",
        fix=fix,
    )


def _would_do(task: Any) -> list[str]:
    """Names of the registered models for a task, or for its view if there is none."""
    if registry.find(type(task), "task") is not None:
        return registry.names("model", tasks=task.name)
    return registry.names("model", view=task.view)
