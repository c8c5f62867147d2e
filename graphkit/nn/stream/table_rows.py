"""Feature tables, and tables with a growing number of rows."""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from torch import Tensor

__all__ = ["feature_table", "feature_width", "grow_rows"]


@torch.no_grad()
def grow_rows(table: Tensor, num_rows: int, fill: float | None = 0) -> Tensor:
    r"""Append rows of ``fill`` to a table; existing rows remain bit for bit the same.

    The result is the beginning of a storage that doubles when it is full, so that growing row by
    row is amortised :math:`O(1)` per row. It is contiguous and has exactly ``num_rows`` rows; spare
    rows are visible only in the size of its storage. The result may share the storage of ``table``,
    which must therefore not be a view of a tensor that is used elsewhere.

    Args:
        table: Contiguous table ``[R, ...]``.
        num_rows: New number of rows, at least ``R``; a table with ``num_rows`` rows is returned
            unchanged.
        fill: Value of the new rows; ``None`` leaves them uninitialised.

    Shapes:
        - **input:** :math:`(R, \ldots)`
        - **output:** :math:`(\text{num\_rows}, \ldots)`, of the same dtype, on the same device
    """
    held, *shape = table.shape
    if num_rows <= held:
        return table
    # Tensors of torch.inference_mode could not be written to afterwards.
    with torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext():
        row_bytes = math.prod(shape) * table.element_size()
        room = table.untyped_storage().nbytes() // row_bytes if row_bytes else 0
        if room >= num_rows and table.storage_offset() == 0 and not table.is_inference():
            grown = table.as_strided((num_rows, *shape), table.stride())
        else:
            storage = table.new_empty((max(num_rows, 2 * held), *shape))
            storage[:held] = table
            grown = storage[:num_rows]
        if fill is not None:
            grown[held:] = fill
    return grown


def feature_table(value: Tensor | None) -> Tensor | None:
    """Convert ``[R]`` or ``[R, ...]`` to ``[R, C]`` in the default float type; keeps ``None``."""
    if value is None:
        return None
    value = value.to(torch.get_default_dtype())
    return value.unsqueeze(1) if value.dim() == 1 else value.flatten(1)


def feature_width(value: Tensor | None) -> int:
    """Number of columns of :func:`feature_table`: 1 for ``[R]``, 0 for ``None``."""
    return 0 if value is None else math.prod(value.shape[1:])
