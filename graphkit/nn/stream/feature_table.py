"""Features of nodes or events as the table that a stream model reads rows of."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["feature_table", "feature_width"]


def feature_table(value: Tensor | None) -> Tensor | None:
    """``[R, C]`` in the default float type, of ``[R]`` or ``[R, ...]``; ``None`` of ``None``."""
    if value is None:
        return None
    value = value.to(torch.get_default_dtype())
    return value.unsqueeze(1) if value.dim() == 1 else value.flatten(1)


def feature_width(value: Tensor | None) -> int:
    """Columns of :func:`feature_table`: 1 for ``[R]``, 0 for ``None``."""
    return 0 if value is None else math.prod(value.shape[1:])
