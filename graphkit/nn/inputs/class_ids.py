"""Numbers of classes, checked: whole, from 0, and not so large that they are something else."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["check_class_ids"]

_MANY = 1000  # classes that need no more rows than this to be believed


def check_class_ids(y: Tensor | None, column: str, *, unknown: bool = True) -> Tensor:
    """Labels as int64 ``[M]``.

    Args:
        y: Integers ``[M]``.
        column: Name for messages.
        unknown: Whether a negative number means that there is no label.

    Raises:
        GraphError: They are no integers ``[M]``; one is negative where each row needs a class; or
            the largest is at least 1000 and at least the number of rows: a model has an output for
            each number up to it, most of which would stand for nothing.
    """
    whole = isinstance(y, Tensor) and not y.is_floating_point() and not y.is_complex()
    if not whole or y.dim() != 1:
        raise GraphError(
            column,
            "not classes",
            expected="integers of shape [rows]",
            got="none" if y is None else f"{y.dtype} {list(y.shape)}".removeprefix("torch."),
            fix="Number the classes from 0: y.unique(return_inverse=True)[1].",
        )
    y = y.long()
    if y.numel() == 0:
        return y
    low, high = torch.aminmax(y)
    if not unknown and bool(low < 0):
        row = int((y < 0).nonzero()[0])
        raise GraphError(
            column,
            "a class is negative",
            row=row,
            expected="integers from 0",
            got=int(y[row]),
            fix="Leave rows without a label out, or number the classes from 0.",
        )
    if bool(high >= max(_MANY, y.numel())):
        row = int(y.argmax())
        raise GraphError(
            column,
            "a class out of range",
            row=row,
            expected=f"fewer classes than rows, {y.numel()}",
            got=int(high),
            fix="Number the classes from 0: y.unique(return_inverse=True)[1].",
        )
    return y
