"""Instances that keep the arguments of their constructor, so that they can be constructed again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

__all__ = ["arguments_of", "remember_arguments", "remembers"]

_ARGUMENTS = "_constructor_arguments"


def remember_arguments(cls: type) -> None:
    """Let instances of a class record the arguments of their constructor, defaults included.

    The class is changed in place. Instances of subclasses record nothing: their own constructor
    may take other arguments.
    """
    if _ARGUMENTS in vars(cls):
        return
    init = cls.__init__
    signature = inspect.signature(init)

    @functools.wraps(init)
    def recording(self: Any, *args: Any, **kwargs: Any) -> None:
        if type(self) is cls and _ARGUMENTS not in vars(self):
            try:
                bound = signature.bind(self, *args, **kwargs)
            except TypeError:
                pass  # the constructor itself raises the error
            else:
                bound.apply_defaults()
                object.__setattr__(self, _ARGUMENTS, _flat(signature, bound.arguments))
        init(self, *args, **kwargs)

    cls.__init__ = recording
    setattr(cls, _ARGUMENTS, None)


def _flat(signature: inspect.Signature, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by keyword, without ``self``."""
    flat: dict[str, Any] = {}
    for index, (name, value) in enumerate(arguments.items()):
        kind = signature.parameters[name].kind
        if index == 0:
            continue
        if kind is inspect.Parameter.VAR_KEYWORD:
            flat.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            if value:  # not recorded; `recipe_of` raises an error
                flat[f"*{name}"] = value
        else:
            flat[name] = value
    # Later changes to a list that was passed must not change the record.
    return {k: type(v)(v) if type(v) in (list, dict) else v for k, v in flat.items()}


def remembers(cls: type) -> bool:
    """Whether instances of a class record their constructor's arguments."""
    return _ARGUMENTS in vars(cls)


def arguments_of(thing: Any) -> dict[str, Any] | None:
    """The recorded arguments by keyword, ``None`` if there is no record."""
    return getattr(thing, "__dict__", {}).get(_ARGUMENTS)
