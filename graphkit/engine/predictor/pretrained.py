"""Saving and loading of weights and state without the frozen weights of pretrained folders."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError

__all__ = ["frozen_elsewhere", "own_state", "restore_state"]


def frozen_elsewhere(model: nn.Module) -> list[dict[str, Any]]:
    """Return the folder, names and checksum of the frozen weights of pretrained backbones.

    A module whose weights were loaded from a folder has the attribute ``pretrained_folder``. The
    values of its parameters that are not trained still equal those in the folder.
    """
    found = []
    for path, module in model.named_modules():
        folder = getattr(module, "pretrained_folder", None)
        if folder is None:
            continue
        names = sorted(
            f"{path}.{name}" if path else name
            for name, parameter in module.named_parameters()
            if not parameter.requires_grad
        )
        if names:
            state = model.state_dict()
            checksum = _checksum(state[name] for name in names)
            found.append({"folder": str(folder), "names": names, "sha256": checksum})
    return found


def own_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the state dict without the frozen weights of pretrained backbones."""
    elsewhere = {name for told in frozen_elsewhere(model) for name in told["names"]}
    return {name: v for name, v in model.state_dict().items() if name not in elsewhere}


def restore_state(
    model: nn.Module, state: Mapping[str, Tensor], elsewhere: list[dict[str, Any]]
) -> nn.Module:
    """Load a saved state into a model that was constructed in the same way; return the model.

    Raises:
        GraphError: The model has other parts or sizes, or the weights in a pretrained folder
            differ from those of the saved model.
    """
    with torch.no_grad():
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            if name in state and value.dtype != state[name].dtype:
                value.data = value.data.to(state[name].dtype)
    here = model.state_dict()
    for told in elsewhere:
        names = told["names"]
        if any(name not in here for name in names) or (
            _checksum(here[name] for name in names) != told["sha256"]
        ):
            raise GraphError(
                "model",
                "the weights of the pretrained backbone are not those of the saved model",
                expected=f"the weights that were in {told['folder']}, sha256 {told['sha256'][:16]}",
                fix="Put that folder back, or pass the model: Predictor.open(folder, model=...).",
            )
        state = {**state, **{name: here[name] for name in names}}
    try:
        model.load_state_dict(dict(state))
    except RuntimeError as error:
        raise GraphError(
            "model",
            "the model is not made as the saved one was",
            got=" ".join(str(error).split())[:300],
        ) from error
    return model


def _checksum(values: Any) -> str:
    digest = hashlib.sha256()
    for value in values:
        value = value.detach().cpu().contiguous()
        digest.update(f"{value.dtype}{list(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
