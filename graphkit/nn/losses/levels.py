"""Classes that have an order, checked."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["check_levels"]


def check_levels(y: Tensor, num_classes: int) -> None:
    """Refuse what are not classes ``0 .. num_classes - 1``.

    Args:
        y: Classes, integers ``[B]``.
        num_classes: Number of classes.

    Raises:
        GraphError: ``y`` is not ``[B]`` or not integers, or a class is out of range.
    """
    if y.is_floating_point() or y.dim() != 1:
        raise GraphError(
            "y", "not classes", expected="integers [B]", got=f"{y.dtype} {list(y.shape)}"
        )
    if y.numel() and not torch.compiler.is_compiling():
        low, high = (int(v) for v in y.aminmax())
        if low < 0 or high >= num_classes:
            raise GraphError(
                "y",
                "a class is out of range",
                expected=f"0 to {num_classes - 1}",
                got=low if low < 0 else high,
            )
