"""Parts of a signal: recordings, trials or clips that lie one after the other in its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data.inputs import as_features, as_tensor, first_row
from graphkit.errors import GraphError

__all__ = ["PartColumn", "as_parts", "as_signal_part", "part_bounds"]

PartColumn = Tensor | np.ndarray
"""One value per part: a tensor ``[P, ...]`` of numbers, or a numpy array ``[P]`` of strings."""


def as_signal_part(value: Any, steps: int) -> Tensor | None:
    """The part of every row of a signal: int64 ``[T]``, never falling, from 0 on.

    Raises:
        GraphError: Not whole numbers, of another length, negative, or falling.
    """
    if value is None:
        return None
    part = as_tensor(value, "signal_part", own=True)
    if part.dim() != 1 or part.numel() != steps:
        raise GraphError(
            "signal_part",
            "the number of rows differs",
            expected=f"shape [{steps}] as the rows of 'signal'",
            got=list(part.shape),
            fix="Give every row of the signal the number of its part.",
        )
    if part.dtype == torch.bool or (
        part.is_floating_point() and bool((part != part.floor()).any())
    ):
        raise GraphError(
            "signal_part",
            "not numbers of parts",
            expected="integers",
            got=str(part.dtype).removeprefix("torch."),
            fix="Number the recordings 0, 1, 2, ... and name them in parts=.",
        )
    part = part.to(torch.int64)
    if part.numel() and int(part[0]) < 0:
        raise GraphError("signal_part", "a part is negative", row=0, expected="parts from 0")
    falls = part[1:] < part[:-1]
    if bool(falls.any()):
        row = first_row(falls) + 1
        raise GraphError(
            "signal_part",
            "the rows of a part do not lie together",
            row=row,
            expected=f"at least {int(part[row - 1])}",
            got=int(part[row]),
            fix="Put the rows of each recording one after the other, parts in increasing order.",
        )
    return part.contiguous()


def as_parts(
    value: Mapping[str, Any] | None, signal_part: Tensor | None
) -> dict[str, PartColumn] | None:
    """Columns with one value per part: numbers as tensors, text as read-only numpy strings.

    Raises:
        GraphError: There is no ``signal_part``, a name is not an identifier, columns differ in
            length or are shorter than the parts in ``signal_part``, or values are neither numbers
            nor text.
    """
    if value is None:
        return None
    if signal_part is None:
        raise GraphError(
            "parts", "parts are described, but not given", fix="Pass signal_part=[T] too."
        )
    if not isinstance(value, Mapping):
        raise GraphError(
            "parts",
            "not understood",
            expected="a dict of columns, one value per part",
            got=type(value).__name__,
        )
    columns: dict[str, PartColumn] = {}
    for name, column in value.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise GraphError(
                "parts", "a column needs a name of letters, digits and _", got=repr(name)
            )
        columns[name] = _as_column(column, f"parts.{name}")
    at_least = int(signal_part[-1]) + 1 if signal_part.numel() else 0
    lengths = {name: len(column) for name, column in columns.items()}
    first = next(iter(lengths.values()), at_least)
    for name, length in lengths.items():
        if length < at_least or length != first:
            raise GraphError(
                f"parts.{name}",
                "the number of parts differs",
                expected=f"{max(first, at_least)} values",
                got=length,
                fix="Give one value per part.",
            )
    home = signal_part.device
    return {n: c.to(home) if isinstance(c, Tensor) else c for n, c in columns.items()}


def part_bounds(signal_part: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
    """Parts that have rows, in order, and the borders of their rows: int64 ``[K]``, ``[K + 1]``.

    Without parts the whole signal is part 0.
    """
    if signal_part is None or steps == 0:
        return torch.zeros(1, dtype=torch.int64), torch.tensor([0, steps])
    part, counts = signal_part.unique_consecutive(return_counts=True)
    bounds = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return part.cpu(), bounds.cpu()


def _as_column(value: Any, name: str) -> PartColumn:
    if isinstance(value, Tensor):
        return as_features(value.clone(), name, len(value) if value.dim() else 0, name)
    given = value.to_numpy() if hasattr(value, "to_numpy") else value
    if isinstance(given, str) or not hasattr(given, "__len__"):
        raise GraphError(name, "not a column", expected="one value per part", got=repr(value))
    items = given if isinstance(given, np.ndarray) else list(given)
    texts = [isinstance(item, str) for item in items]
    if len(texts) and all(texts):
        column = np.array([str(item) for item in items])
        column.flags.writeable = False
        return column
    if any(texts):
        row = texts.index(not texts[0])
        raise GraphError(
            name, "numbers and text are mixed", row=row, got=repr(items[row]), fix="Use one kind."
        )
    column = as_tensor(items, name, own=True)
    return as_features(column, name, len(column) if column.dim() else 0, name)
