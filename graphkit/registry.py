"""Names for models, data sets, encoders, tasks, layers and negatives, and facts about them.

A name is registered where the class or function is defined, together with facts to select by:

    @register("model", "nat", view="stream", tasks=("link_prediction",))
    class NAT(nn.Module): ...

Tests, documentation and commands use these facts (``names("model", view="stream")``) and never
module paths or ``hasattr``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from graphkit import renamed
from graphkit.arguments import remember_arguments
from graphkit.errors import GraphError, UnknownNameError

__all__ = ["VIEWS", "Entry", "entries", "find", "get", "names", "register", "registered"]

VIEWS = ("stream", "snapshot", "signal", "static")
"""The four views of a graph; a model consumes one, a task asks about one."""

# The packages whose import registers the names of a kind; imported when a name is first needed.
# A package may instead have a table REGISTERED (name -> module): then plain names are listed
# without importing the modules, and each is imported when its name is first looked up.
_ROOMS: dict[str, str | tuple[str, ...]] = {
    "model": "graphkit.models",
    "dataset": "graphkit.datasets",
    "negatives": "graphkit.sampling.negatives",
    "task": "graphkit.tasks",
    "sequence_encoder": "graphkit.encoders.sequence",
    # Layers and structures that constructors of models take as arguments.
    "layer": ("graphkit.nn.snapshot", "graphkit.nn.regions"),
}
# Facts that an entry of a kind may have.
_FACTS = {"model": {"view", "tasks"}, "task": {"view"}}
# Kinds whose classes a saved model is made of: their constructor arguments are recorded.
_REBUILT = {"model", "sequence_encoder", "layer"}
_entries: dict[str, dict[str, Entry]] = {kind: {} for kind in _ROOMS}

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """One registered class or function.

    Attributes:
        kind: ``"model"``, ``"task"``, ...
        name: Registered name, unique within the kind.
        make: Registered class or function.
        facts: For a model ``view`` and ``tasks`` (names of the tasks that it supports), for a task
            ``view``.
    """

    kind: str
    name: str
    make: Callable[..., Any]
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def doc(self) -> str:
        """First line of the docstring of :attr:`make`."""
        text = (self.make.__doc__ or "").strip()
        return text.splitlines()[0] if text else ""

    def has(self, **facts: Any) -> bool:
        """Whether the entry has these facts; a fact that is a tuple matches each of its members."""
        return all(_holds(self.facts.get(name), value) for name, value in facts.items())


def register(kind: str, name: str, **facts: Any) -> Callable[[T], T]:
    """Class or function decorator that makes ``get(kind, name)`` find the decorated thing.

    Args:
        kind: ``"model"``, ``"dataset"``, ``"negatives"``, ``"task"``, ``"sequence_encoder"`` or
            ``"layer"``.
        name: Name to register.
        facts: For a model ``view`` (one of :data:`VIEWS`) and ``tasks``, for a task ``view``.

    Raises:
        GraphError: The name is taken.
        UnknownNameError: There is no such kind, view or fact.

    Example:
        >>> from graphkit.registry import register
        >>> @register("model", "my_model", view="stream", tasks=("link_prediction",))
        ... class MyModel(torch.nn.Module): ...
    """
    _check_kind(kind)
    facts = {k: tuple(v) if isinstance(v, (list, set)) else v for k, v in facts.items()}
    _check_facts(kind, facts)

    def decorate(make: T) -> T:
        known = _entries[kind].get(name)
        if known is not None and (known.make.__module__, known.make.__qualname__) != (
            make.__module__,
            make.__qualname__,
        ):
            raise GraphError(
                kind,
                f"the name {name!r} is taken by {known.make.__module__}.{known.make.__qualname__}",
                fix="Register under another name.",
            )
        if kind in _REBUILT and isinstance(make, type):
            remember_arguments(make)
        _entries[kind][name] = Entry(kind, name, make, MappingProxyType(facts))
        return make

    return decorate


def names(kind: str, **facts: Any) -> list[str]:
    """Sorted names of a kind; with facts, only names of entries that have these facts.

    Example:
        >>> names("model", view="stream", tasks="link_prediction")
    """
    if not facts:
        return sorted({*_open_room(kind), *_entries[kind]})
    return [entry.name for entry in entries(kind, **facts)]


def entries(kind: str, **facts: Any) -> list[Entry]:
    """Entries of a kind, sorted by name; with facts, only entries that have these facts."""
    table = _open_room(kind)
    _check_facts(kind, facts)
    for module in table.values():
        importlib.import_module(module)
    room = _entries[kind]
    return [room[name] for name in sorted(room) if room[name].has(**facts)]


def registered(kind: str) -> list[Entry]:
    """Entries of a kind that have been registered so far; nothing is imported."""
    _check_kind(kind)
    return [_entries[kind][name] for name in sorted(_entries[kind])]


def find(thing: type | Callable[..., Any], *kinds: str) -> Entry | None:
    """The entry of a class or function, ``None`` if it is not registered; nothing is imported.

    Args:
        thing: The class or function.
        kinds: Kinds to search; all kinds by default.
    """
    for kind in kinds or _ROOMS:
        for entry in registered(kind):
            if entry.make is thing:
                return entry
    return None


def get(kind: str, name: str) -> Callable[..., Any]:
    """The class or function registered under a name.

    Raises:
        UnknownNameError: The name is not registered; the message lists the closest names.
        GraphError: The name is an old one that is no longer supported (:mod:`graphkit.renamed`).
    """
    table, room = _open_room(kind), _entries[kind]
    if name in table:
        importlib.import_module(table[name])
    if name not in room:
        name = renamed.registered(kind, name)
        if name in table:
            importlib.import_module(table[name])
    if name not in room:
        raise UnknownNameError(kind, name, {*room, *table})
    return room[name].make


def _holds(fact: Any, value: Any) -> bool:
    return value in fact if isinstance(fact, tuple) else fact == value


def _check_kind(kind: str) -> None:
    if kind not in _ROOMS:
        raise UnknownNameError("kind", kind, _ROOMS)


def _check_facts(kind: str, facts: dict[str, Any]) -> None:
    known = _FACTS.get(kind, set())
    for fact, value in facts.items():
        if fact not in known:
            raise UnknownNameError(f"fact about a {kind}", fact, known)
        if fact == "view" and value not in VIEWS:
            raise UnknownNameError("view", value, VIEWS)


def _open_room(kind: str) -> dict[str, str]:
    """Import the packages of a kind; return the names that are imported lazily (name -> module)."""
    _check_kind(kind)
    rooms, table = _ROOMS[kind], {}
    for room in (rooms,) if isinstance(rooms, str) else rooms:
        try:
            table |= getattr(importlib.import_module(room), "REGISTERED", {})
        except ModuleNotFoundError as error:
            if error.name is None or not f"{room}.".startswith(f"{error.name}."):
                raise
    return table
