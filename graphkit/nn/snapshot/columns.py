"""What the matrix cells share: an input of one-hot columns, and the initialisation."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Columns", "times", "uniform_by_columns"]


class Columns(NamedTuple):
    """A matrix ``[d, k]`` with one entry per column: ``value[j]`` in row ``index[j]``.

    A matrix times it is a gather of columns, without the ``d * d * k`` products.
    """

    index: Tensor
    value: Tensor


def times(weight: Tensor, x: Tensor | Columns) -> Tensor:
    """``weight @ x`` for a dense matrix or for :class:`Columns`."""
    if isinstance(x, Columns):
        return weight.index_select(1, x.index) * x.value
    return weight @ x


@torch.no_grad()
def uniform_by_columns(weight: Tensor) -> None:
    """Fill with uniform numbers within 1 / sqrt(size of the last axis), in place."""
    bound = 1.0 / math.sqrt(weight.shape[-1])
    weight.uniform_(-bound, bound)
