"""Settings of a command line, ``KEY=VALUE``, and which object accepts which key."""

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
    """Settings of one training run: arguments of the model, of ``fit`` and of the task."""

    model: dict[str, Any]
    fit: dict[str, Any]
    task: dict[str, Any]


def parse(assignments: list[str]) -> dict[str, Any]:
    """Parse ``["lr=1e-3", "readout=sum"]`` to a dictionary; values are JSON if they can be parsed.

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
    """Parse ``["clock=time,absolute"]`` to ``{"clock": {"time": "time", "absolute": "absolute"}}``.

    Commas inside brackets are part of a value: ``num_slots=[16,8],[64,32]``.

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
    """Names of the parameters that can be passed by name or have a default."""
    each = (p for f in functions for p in inspect.signature(f).parameters.values())
    return {p.name for p in each if p.kind is p.KEYWORD_ONLY or p.default is not p.empty}


def known_settings(make: Any) -> set[str] | None:
    """Names accepted by a model's ``from_task`` or ``from_graph``; ``None`` if any is accepted.

    If one of these methods accepts arbitrary settings, it passes them on, finally to the
    constructor; arguments that it sets itself, such as sizes of the data, cannot be set.
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
    """A task together with the function it passes settings on to."""
    from graphkit.tasks.node_splits import random_split
    from graphkit.tasks.snapshot_timeline import Timeline

    passed_on = {"timeline": Timeline, "random_options": random_split}
    found = [make]
    for parameter in inspect.signature(make).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and parameter.name in passed_on:
            found.append(passed_on[parameter.name])
    return found


def task_settings(make: Any) -> set[str]:
    """Names of the settings of a task, including those that it passes on."""
    first, *others = task_functions(make)
    names = optional_parameters(first)
    if others:
        names |= optional_parameters(*others) - {"labels", "within", "graph"}
    return names


def check_types(settings: SettingGroups, model: Any, task: Any) -> None:
    """Refuse settings of a wrong type; the checked values replace them in place.

    Args:
        settings: Settings of one training run.
        model: Class of the model.
        task: Class of the task.

    Raises:
        GraphError: A value has another type than its argument.
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
    """Assign ``--set`` values to the model, to ``fit`` and to the task.

    ``fit.lr``, ``task.val``, ``model.dim`` and ``nat.dim`` name their owner (``nat.lr`` is the
    learning rate of that model). A name without a prefix is an argument of ``fit`` if it has one of
    that name, else of the task, else of the model.

    Args:
        settings: Modified in place.
        model: Name of the model.
        values: Result of :func:`parse`.
        model_names: Names accepted by the model; ``None`` if any is accepted.
        fit_names: Names accepted by ``fit``.
        task_names: Names accepted by the task.
        others: ``model_names`` of every model of the command: a name that only another model
            accepts is not an error.

    Raises:
        UnknownNameError: No object accepts the setting.
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
    """The place where an old name of a setting may be listed."""
    return (section, model) if section == "model" else (section,)


def _passed(function: Any, make: Any) -> tuple[Any | None, set[str]]:
    """The function that a constructor passes settings on to, and the names that it sets itself."""
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
    """Whether a constructor passes on the result of a call, whose names are not known."""
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
    except (OSError, TypeError, SyntaxError):  # the source is not available
        return ast.Module([], [])


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # not JSON, or too many digits or brackets
        return {"True": True, "False": False, "None": None}.get(text, text)
