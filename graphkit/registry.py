"""Names for models, data sets, encoders, tasks and negatives, and the way to what they name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from graphkit.errors import GraphError, UnknownNameError

__all__ = ["Entry", "entries", "get", "names", "register"]

# Where the things of each kind live: the room is imported the first time somebody asks for a name.
_ROOMS = {
    "model": "graphkit.models",
    "dataset": "graphkit.datasets",
    "negatives": "graphkit.sampling.negatives",
    "task": "graphkit.tasks",
    "sequence_encoder": "graphkit.encoders.sequence",
}
_entries: dict[str, dict[str, Entry]] = {kind: {} for kind in _ROOMS}

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """One registered thing: its kind, its name and what makes it."""

    kind: str
    name: str
    make: Callable[..., Any]

    @property
    def doc(self) -> str:
        """First line of the maker's docstring."""
        text = (self.make.__doc__ or "").strip()
        return text.splitlines()[0] if text else ""


def register(kind: str, name: str) -> Callable[[T], T]:
    """Class or function decorator that makes ``get(kind, name)`` find the decorated thing.

    Example:
        >>> from graphkit.registry import register
        >>> @register("model", "my_model")
        ... class MyModel(torch.nn.Module): ...
    """
    _check_kind(kind)

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
        _entries[kind][name] = Entry(kind, name, make)
        return make

    return decorate


def names(kind: str) -> list[str]:
    """All names of a kind, sorted."""
    return sorted(_open_room(kind))


def entries(kind: str) -> list[Entry]:
    """All entries of a kind, sorted by name."""
    room = _open_room(kind)
    return [room[name] for name in sorted(room)]


def get(kind: str, name: str) -> Callable[..., Any]:
    """The class or function registered under a name.

    Raises:
        UnknownNameError: Nobody registered the name; the message holds the closest ones.
    """
    room = _open_room(kind)
    if name not in room:
        raise UnknownNameError(kind, name, room)
    return room[name].make


def _check_kind(kind: str) -> None:
    if kind not in _ROOMS:
        raise UnknownNameError("kind", kind, _ROOMS)


def _open_room(kind: str) -> dict[str, Entry]:
    _check_kind(kind)
    try:
        importlib.import_module(_ROOMS[kind])
    except ModuleNotFoundError as error:
        if error.name is None or not f"{_ROOMS[kind]}.".startswith(f"{error.name}."):
            raise
    return _entries[kind]
