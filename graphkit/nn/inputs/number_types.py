"""The rule for number types where data meets a model: data take the type of the model.

Tasks prepare readings, features and weights in the type that the user's columns have (NumPy's
default is float64), so that nothing is rounded before it is scaled. Every call of a model by a task
or a predictor passes through :func:`model_inputs`, which casts what is floating point to the type
of the model's parameters: float32 by default, float64 under ``precision="64-true"``. Under
``"bf16-mixed"`` parameters are float32, and so is what they meet; autocast does the rest.
Identifiers, labels, masks and times keep their types.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["at_least_float32", "model_dtype", "model_inputs"]


def model_dtype(model: Any) -> torch.dtype | None:
    """The type in which a model computes: that of its first trained parameter.

    Args:
        model: A model. Frozen parameters, such as those of a pretrained backbone, which may be
            stored in fewer bits, count only where none is trained; then buffers.

    Returns:
        A floating point type; ``None`` where the model holds no floating point numbers, or is a
        plain function.
    """
    if not isinstance(model, nn.Module):
        return None
    frozen = None
    for parameter in model.parameters():
        if parameter.is_floating_point():
            if parameter.requires_grad:
                return parameter.dtype
            frozen = frozen or parameter.dtype
    if frozen is not None:
        return frozen
    return next((b.dtype for b in model.buffers() if b.is_floating_point()), None)


def model_inputs(model: Any, *values: Any) -> list[Any]:
    """Arguments of a model in the type in which it computes.

    Args:
        model: The model.
        values: Tensors, objects with ``cast(dtype)`` such as
            :class:`~graphkit.nn.snapshot.Snapshot`, lists of them, or ``None``. What is not
            floating point, and what has the right type already, is returned as it is.
    """
    dtype = model_dtype(model)
    return list(values) if dtype is None else [_cast(value, dtype) for value in values]


def at_least_float32(x: Tensor) -> Tensor:
    """An answer as losses take it: half types and integers as float32, float64 as it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if hasattr(value, "cast"):
        return value.cast(dtype)
    if isinstance(value, Iterable):
        return [_cast(one, dtype) for one in value]
    return value
