"""Optimizers by name, fused where torch supports it."""

from __future__ import annotations

import numbers
from collections.abc import Callable

import torch
from torch import nn

from graphkit.checks import check_choice
from graphkit.errors import GraphError

__all__ = ["make_optimizer"]

_CLASSES = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}

_FUSED = ("cpu", "cuda")


def make_optimizer(
    optimizer: str | Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    parameters: list[nn.Parameter],
    lr: float,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Create an optimizer for the parameters.

    Args:
        optimizer: ``"adam"``, ``"adamw"``, ``"sgd"``, or a function that takes the parameters and
            returns an optimizer; the function sets its own learning rate and weight decay.
        parameters: At least one parameter.
        lr: Learning rate.
        weight_decay: Weight decay, as defined by the chosen optimizer.

    Raises:
        UnknownNameError: There is no optimizer of that name.
        GraphError: ``lr`` is not a positive number, or ``weight_decay`` is not a number of at
            least 0.
    """
    if callable(optimizer):
        return optimizer(parameters)
    check_choice(optimizer, "optimizer", _CLASSES)
    for name, value, least in (("lr", lr, "> 0"), ("weight_decay", weight_decay, ">= 0")):
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not (value > 0 if name == "lr" else value >= 0):
            raise GraphError(name, "not a rate", expected=f"a number {least}", got=repr(value))
    # One kernel for all parameters; torch checks only at the first step whether it is available.
    fused = all(p.is_floating_point() and p.device.type in _FUSED for p in parameters)
    return _CLASSES[optimizer](
        parameters, lr=float(lr), weight_decay=float(weight_decay), fused=True if fused else None
    )
