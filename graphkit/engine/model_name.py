"""Name of a model in results and in saved folders."""

from __future__ import annotations

from torch import nn

from graphkit import registry

__all__ = ["model_name"]


def model_name(model: nn.Module) -> str:
    """Return the registered name of a model, or its class name, without importing anything.

    A snapshot model combined with a head has the name of the snapshot model.
    """
    for part in (model, getattr(model, "encoder", None)):
        entry = None if part is None else registry.find(type(part), "model")
        if entry is not None:
            return entry.name
    return type(model).__name__
