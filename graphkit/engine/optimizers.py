"""Optimisers by name, fused where torch can."""

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
    """An optimiser over the parameters.

    Args:
        optimizer: ``"adam"``, ``"adamw"``, ``"sgd"``, or a function of the parameters; the
            function sets its own learning rate and weight decay.
        parameters: At least one.
        lr: Learning rate.
        weight_decay: Weight decay, in the sense of the chosen optimiser.

    Raises:
        UnknownNameError: No optimiser of that name.
        GraphError: ``lr`` is no positive number, or ``weight_decay`` no number from 0 on.
    """
    if callable(optimizer):
        return optimizer(parameters)
    check_choice(optimizer, "optimizer", _CLASSES)
    for name, value, least in (("lr", lr, "> 0"), ("weight_decay", weight_decay, ">= 0")):
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not (value > 0 if name == "lr" else value >= 0):
            raise GraphError(name, "not a rate", expected=f"a number {least}", got=repr(value))
    # One kernel for all parameters; torch finds out only at the first step whether it has one.
    fused = all(p.is_floating_point() and p.device.type in _FUSED for p in parameters)
    return _CLASSES[optimizer](
        parameters, lr=float(lr), weight_decay=float(weight_decay), fused=True if fused else None
    )
