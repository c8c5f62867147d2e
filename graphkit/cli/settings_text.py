"""Settings as a command line writes them: ``KEY=VALUE``, and which thing takes which key."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any, Protocol

from graphkit import renamed
from graphkit.errors import GraphError, UnknownNameError

__all__ = [
    "SettingGroups",
    "apply",
    "known_settings",
    "optional_parameters",
    "parse",
    "parse_sweep",
    "scopes",
]


class SettingGroups(Protocol):
    """What one training is made with: arguments of the model, of ``fit`` and of the task."""

    model: dict[str, Any]
    fit: dict[str, Any]
    task: dict[str, Any]


def parse(assignments: list[str]) -> dict[str, Any]:
    """``["lr=1e-3", "readout=sum"]`` as a dictionary; values are JSON where they can be.

    Raises:
        GraphError: An assignment has no ``=``.
    """
    found = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise GraphError("--set", "not an assignment", expected="key=value", got=assignment)
        found[key.strip()] = _value(text.strip())
    return found


def parse_sweep(assignments: list[str]) -> dict[str, dict[str, Any]]:
    """``["clock=time,absolute"]`` as ``{"clock": {"time": "time", "absolute": "absolute"}}``.

    Commas inside brackets belong to a value: ``num_slots=[16,8],[64,32]``.

    Raises:
        GraphError: An assignment has no ``=`` or no value.
    """
    found: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        key, _, text = assignment.partition("=")
        choices = [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]
        if not key.strip() or not choices:
            raise GraphError("--sweep", "no values", expected="key=a,b,c", got=assignment)
        found.setdefault(key.strip(), {}).update({choice: _value(choice) for choice in choices})
    return found


def optional_parameters(*functions: Any) -> set[str]:
    """Names of the parameters that are given by name or have a default."""
    each = (p for f in functions for p in inspect.signature(f).parameters.values())
    return {p.name for p in each if p.kind is p.KEYWORD_ONLY or p.default is not p.empty}


def known_settings(make: Any) -> set[str] | None:
    """Names that a model's ``from_task`` or ``from_graph`` takes; ``None`` if it takes any.

    Each of the two that takes any settings passes them on, at last to the constructor.
    """
    names: set[str] = set()
    makers = [getattr(make, name, None) for name in ("from_task", "from_graph", "__init__")]
    for function in filter(None, makers):
        names |= optional_parameters(function)
        parameters = inspect.signature(function).parameters.values()
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    else:
        return None
    return names


def apply(
    settings: SettingGroups,
    model: str,
    values: dict[str, Any],
    *,
    model_names: set[str] | None,
    fit_names: set[str],
    task_names: set[str],
    others: dict[str, set[str] | None],
) -> None:
    """Put ``--set`` values where they belong.

    ``fit.lr``, ``task.val``, ``model.dim`` and ``nat.dim`` say it themselves (``nat.lr`` is the
    learning rate of that model); a bare name is an argument of ``fit`` if it has one of that name,
    else of the task, else of the model.

    Args:
        settings: Changed in place.
        model: Name of the model.
        values: From :func:`parse`.
        model_names: What the model takes, ``None`` for anything.
        fit_names: What ``fit`` takes.
        task_names: What the task takes.
        others: The same as ``model_names`` for every model of the command: a name that only
            another model knows is not an error.

    Raises:
        UnknownNameError: Nothing takes the setting.
    """
    known = {"fit": fit_names, "task": task_names, "model": model_names}
    for key, value in values.items():
        scope, dot, name = key.partition(".")
        if not dot:
            name = key
            if not any(names and name in names for names in known.values()):
                name = renamed.setting(("fit", "task", *scopes("model", model)), name)
            scope = next((s for s in ("fit", "task") if name in known[s]), "model")
            elsewhere = any(n is None or name in n for m, n in others.items() if m != model)
            if (
                scope == "model"
                and model_names is not None
                and name not in model_names
                and elsewhere
            ):
                continue
        elif scope == model:
            scope = (
                "fit" if model_names is not None and name in fit_names - model_names else "model"
            )
        elif scope in others:
            continue
        elif scope not in known:
            raise UnknownNameError("--set scope", scope, [*known, *others])
        if dot and name not in (known[scope] or ()):
            name = renamed.setting(scopes(scope, model), name)
        if known[scope] is not None and name not in known[scope]:
            bare = fit_names | task_names | (model_names or set()) if not dot else known[scope]
            raise UnknownNameError(f"setting of {model if scope == 'model' else scope}", name, bare)
        getattr(settings, scope)[name] = value


def scopes(section: str, model: str) -> tuple[str, ...]:
    """Where an old name of a setting may be listed."""
    return (section, model) if section == "model" else (section,)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"True": True, "False": False, "None": None}.get(text, text)
