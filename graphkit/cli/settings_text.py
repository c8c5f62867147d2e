"""Settings as a command line writes them: ``KEY=VALUE``, and which thing takes which key."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable
from typing import Any, Protocol

from graphkit import renamed
from graphkit.errors import GraphError, UnknownNameError
from graphkit.typed import check_values

__all__ = [
    "SettingGroups",
    "apply",
    "check_types",
    "known_settings",
    "optional_parameters",
    "parse",
    "parse_sweep",
    "scopes",
    "task_functions",
    "task_settings",
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

    Each of the two that takes any settings passes them on, at last to the constructor; what it
    passes of its own, such as sizes of the data, cannot be set.
    """
    makers = [getattr(make, name, None) for name in ("from_task", "from_graph", "__init__")]
    chain = [maker for maker in makers if maker is not None]
    names: set[str] = set()
    given: set[str] = set()
    opaque = False
    while chain:
        function = chain.pop(0)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        if opaque:
            named = [p for p in named if p.kind is p.KEYWORD_ONLY or p.default is not p.empty]
        names |= {p.name for p in named} - given
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names
        names |= _popped(function)
        following, given = _passed(function, make)
        opaque = following is None or _spreads(function)
        if following in chain:
            chain = chain[chain.index(following) :]
    return None


def task_functions(make: Any) -> list[Callable[..., Any]]:
    """A task, and what it passes settings on to."""
    from graphkit.tasks.node_splits import random_split
    from graphkit.tasks.snapshot_timeline import Timeline

    passed_on = {"timeline": Timeline, "random_options": random_split}
    found = [make]
    for parameter in inspect.signature(make).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and parameter.name in passed_on:
            found.append(passed_on[parameter.name])
    return found


def task_settings(make: Any) -> set[str]:
    """Names of the settings of a task; those that it passes on too."""
    first, *others = task_functions(make)
    names = optional_parameters(first)
    if others:
        names |= optional_parameters(*others) - {"labels", "within", "graph"}
    return names


def check_types(settings: SettingGroups, model: Any, task: Any) -> None:
    """Refuse settings of a wrong type; in place.

    Args:
        settings: Those of one training.
        model: The model's class.
        task: The task's class.

    Raises:
        GraphError: A value is of another type than the argument that it is for.
    """
    from graphkit import fit

    ways = [getattr(model, name, None) for name in ("from_task", "from_graph", "__init__")]
    groups = {"fit": [fit], "task": task_functions(task), "model": [way for way in ways if way]}
    for group, functions in groups.items():
        values = getattr(settings, group)
        values.update(check_values(values, functions, text=True))


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


def _passed(function: Any, make: Any) -> tuple[Any | None, set[str]]:
    """Where a maker passes settings on to, and names of what it passes of its own."""
    for call in _calls(function):
        callee = call.func
        if isinstance(callee, ast.Name) and callee.id == "cls":
            takes, first = make.__init__, 1
        elif isinstance(callee, ast.Attribute) and getattr(callee.value, "id", "") == "cls":
            takes, first = getattr(make, callee.attr, None), 0
        else:
            continue
        if takes is None or not any(k.arg is None for k in call.keywords):
            continue
        parameters = list(inspect.signature(takes).parameters)
        given = set(parameters[first : first + len(call.args)])
        return takes, given | {k.arg for k in call.keywords if k.arg is not None}
    return None, set()


def _spreads(function: Any) -> bool:
    """Whether a maker passes on what another function returns, whose names are not to be seen."""
    return any(
        keyword.arg is None and isinstance(keyword.value, ast.Call)
        for call in _calls(function)
        for keyword in call.keywords
    )


def _popped(function: Any) -> set[str]:
    """Names in ``{key: settings.pop(key) for key in ("a", "b") if key in settings}``."""
    comprehensions = [n for n in ast.walk(_tree(function)) if isinstance(n, ast.DictComp)]
    return {
        name.value
        for node in comprehensions
        if ".pop(" in ast.unparse(node.value) and isinstance(node.generators[0].iter, ast.Tuple)
        for name in node.generators[0].iter.elts
    }


def _calls(function: Any) -> list[ast.Call]:
    return [node for node in ast.walk(_tree(function)) if isinstance(node, ast.Call)]


def _tree(function: Any) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # no source at hand
        return ast.Module([], [])


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or of too many digits or brackets
        return {"True": True, "False": False, "None": None}.get(text, text)
