"""Every old name of graphkit, and what it is called now: the one table of them.

An old name works on and gives a ``DeprecationWarning`` that says the new one, or it is refused
with an error that does. A rename adds a line to :data:`TABLE` and nothing else, wherever old names
are looked up already:

- **attribute**, of a module: in the module's ``__getattr__`` (:func:`attribute`);
- **registry**, a registered name: in :func:`graphkit.registry.get` (:func:`registered`);
- **argument**, of a function or constructor that is decorated with :func:`old_arguments`;
- **setting**, a key of a file in ``benchmarks/configs`` or of ``--set`` (:func:`setting`);
- **method**, of what users write themselves: in the check that would miss it (:func:`method`).
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from graphkit.errors import GraphError

__all__ = ["TABLE", "Renamed", "attribute", "method", "old_arguments", "registered", "setting"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Renamed:
    """One name that was changed.

    Attributes:
        kind: ``"attribute"``, ``"registry"``, ``"argument"``, ``"setting"`` or ``"method"``.
        place: Where it was used: a module, a kind of the registry, the qualified name of a
            function or class, a scope of settings (``"fit"``, ``"task"``, ``"model"`` or the name
            of a model), or what has the method.
        old: The name as it was.
        new: The name now.
        refused: Why the old name is an error; ``None`` where it is forwarded.
    """

    kind: str
    place: str
    old: str
    new: str
    refused: str | None = None


_FREE = "it classifies windows of a signal, and so it is called now; the old name is kept free"
TABLE: tuple[Renamed, ...] = (
    Renamed("attribute", "graphkit.tasks", "PartClassification", "RecordingClassification"),
    Renamed("attribute", "graphkit.tasks", "GraphClassification", "WindowClassification", _FREE),
    Renamed("registry", "task", "part_classification", "recording_classification"),
    Renamed("registry", "task", "graph_classification", "window_classification", _FREE),
    Renamed("method", "task", "history", "past"),
)
"""All old names."""


def attribute(module: str, name: str) -> str | None:
    """What an attribute of a module is called now; ``None`` if it is no old name.

    Raises:
        GraphError: The old name is refused.
    """
    return _forwarded(_find("attribute", module, name))


def registered(kind: str, name: str) -> str:
    """What a registered name is now: itself if it is no old one.

    Raises:
        GraphError: The old name is refused.
    """
    return _forwarded(_find("registry", kind, name)) or name


def setting(scopes: tuple[str, ...], name: str) -> str:
    """What a setting is called now: itself if it is no old one.

    Args:
        scopes: Where it may stand: ``"fit"``, ``"task"``, ``"model"``, a model's name.
        name: The key, without its scope.

    Raises:
        GraphError: The old name is refused.
    """
    found = (_find("setting", scope, name) for scope in scopes)
    return _forwarded(next(filter(None, found), None)) or name


def method(place: str, thing: Any) -> Renamed | None:
    """The old method that a thing still has in place of the new one, if there is one."""
    for entry in TABLE:
        listed = (entry.kind, entry.place) == ("method", place)
        if listed and hasattr(thing, entry.old) and not hasattr(thing, entry.new):
            return entry
    return None


def old_arguments(place: str) -> Callable[[F], F]:
    """Decorator of a function or constructor some of whose arguments had other names.

    Args:
        place: Its name in the table, such as ``"fit"`` or ``"TemporalGraph.windows"``.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **_arguments(place, kwargs))

        return call  # type: ignore[return-value]

    return decorate


def _arguments(place: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments under the names of today.

    Raises:
        GraphError: An old name is refused, or both names are given.
    """
    renamed: dict[str, Any] = {}
    for name, value in given.items():
        new = _forwarded(_find("argument", place, name)) or name
        if new in renamed or (new != name and new in given):
            raise GraphError(new, f"it is given twice: {name!r} is its old name")
        renamed[new] = value
    return renamed


def _find(kind: str, place: str, name: str) -> Renamed | None:
    for entry in TABLE:
        if (entry.kind, entry.place, entry.old) == (kind, place, name):
            return entry
    return None


def _forwarded(entry: Renamed | None) -> str | None:
    if entry is None:
        return None
    if entry.refused is not None:
        raise GraphError(entry.old, entry.refused, fix=f"Use {entry.new}.")
    warnings.warn(
        f"{entry.old} ({entry.kind} of {entry.place}) is called {entry.new} now",
        DeprecationWarning,
        stacklevel=4,
    )
    return entry.new
