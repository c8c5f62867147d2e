"""Recipes of modules: registered name and constructor arguments, as plain values.

A saved model has to be constructed again in a process that has neither the training data nor the
code that called the constructor. Registered classes record the arguments of their constructor
(:mod:`graphkit.arguments`); :func:`recipe_of` converts them to JSON values, with tensors stored
separately, and :func:`make` constructs a module from such a recipe. A recipe contains names of
registered classes only, so that no module is imported by a path read from a file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphkit import registry
from graphkit.arguments import arguments_of, remembers
from graphkit.errors import GraphError

__all__ = ["make", "recipe_of"]

_KINDS = ("model", "sequence_encoder", "layer")


def recipe_of(thing: Any, tensors: dict[str, Tensor], path: str = "") -> dict[str, Any]:
    """The recipe of a registered module, as JSON values.

    Args:
        thing: The module (or a structure registered as a ``"layer"``).
        tensors: Filled with the tensors among the arguments, by path.
        path: Prefix of these paths.

    Raises:
        GraphError: The class is not registered, or an argument is neither a plain value, a tensor,
            nor a registered module.
    """
    entry = registry.find(type(thing), *_KINDS)
    arguments = arguments_of(thing)
    if entry is None or arguments is None:
        raise GraphError(
            path or "model",
            f"{type(thing).__name__} is not registered, so it cannot be made again from a file",
            fix='Decorate the class with graphkit.registry.register("model", "a_name", ...), or '
            "pass the model when you open the folder: Predictor.open(folder, model=...).",
        )
    written = {name: _written(value, tensors, f"{path}{name}") for name, value in arguments.items()}
    return {"kind": entry.kind, "name": entry.name, "arguments": written}


def make(recipe: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """Construct the module that a recipe describes, with newly initialised parameters.

    Args:
        recipe: Recipe returned by :func:`recipe_of`.
        tensors: Tensors of the recipe, by path.

    Raises:
        UnknownNameError: A name is not registered.
        GraphError: It is not a recipe, or the class takes other arguments now.
    """
    try:
        kind, name, arguments = recipe["kind"], recipe["name"], recipe["arguments"]
        if kind not in _KINDS:
            raise KeyError(kind)
    except (KeyError, TypeError) as error:
        raise GraphError("recipe", "not the recipe of a module", got=repr(recipe)[:80]) from error
    made = {key: _read(value, tensors) for key, value in arguments.items()}
    cls = registry.get(kind, name)
    try:
        return cls(**made)
    except TypeError as error:
        raise GraphError(
            name,
            f"this version of {cls.__name__} takes other arguments "
            f"({str(error).partition(chr(10))[0]})",
            fix="Open the folder with the version of graphkit that wrote it.",
        ) from error


def _written(value: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """A JSON value: plain values are unchanged, others become ``{"of": kind, ...}``."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"of": "float", "value": str(value)}
    if isinstance(value, list):
        return [_written(v, tensors, f"{path}.{i}") for i, v in enumerate(value)]
    if isinstance(value, tuple):
        items = [_written(v, tensors, f"{path}.{i}") for i, v in enumerate(value)]
        return {"of": "tuple", "items": items}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        items = {key: _written(v, tensors, f"{path}.{key}") for key, v in value.items()}
        return {"of": "dict", "items": items}
    if isinstance(value, range):
        return {"of": "range", "bounds": [value.start, value.stop, value.step]}
    if isinstance(value, slice):
        return {"of": "slice", "bounds": [value.start, value.stop, value.step]}
    if isinstance(value, torch.dtype):
        return {"of": "dtype", "name": str(value).removeprefix("torch.")}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, Tensor):
        if value.layout is not torch.strided:
            raise GraphError(path, "a sparse tensor cannot be written", got=str(value.layout))
        tensors[path] = value.detach().cpu().contiguous()
        return {"of": "tensor", "path": path}
    if isinstance(value, type):
        entry = registry.find(value, *_KINDS)
        if entry is not None:
            return {"of": "class", "kind": entry.kind, "name": entry.name}
    if isinstance(value, nn.Module) or remembers(type(value)):
        return {"of": "module", "recipe": recipe_of(value, tensors, f"{path}.")}
    raise GraphError(
        path,
        f"an argument of the model cannot be written to a file ({type(value).__name__})",
        expected="numbers, text, lists, tensors, or registered modules",
        fix="Pass the model when you open the folder: Predictor.open(folder, model=...).",
    )


def _read(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_read(v, tensors) for v in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get("of")
    if kind == "float":
        return float(value["value"])
    if kind == "tuple":
        return tuple(_read(v, tensors) for v in value["items"])
    if kind == "dict":
        return {key: _read(v, tensors) for key, v in value["items"].items()}
    if kind == "range":
        return range(*value["bounds"])
    if kind == "slice":
        return slice(*value["bounds"])
    if kind == "dtype":
        found = getattr(torch, value["name"], None)
        if isinstance(found, torch.dtype):
            return found
    if kind == "tensor" and value["path"] in tensors:
        return tensors[value["path"]].clone()
    if kind == "class":
        return registry.get(value["kind"], value["name"])
    if kind == "module":
        return make(value["recipe"], tensors)
    raise GraphError("recipe", "not a value of a recipe", got=repr(value)[:80])
