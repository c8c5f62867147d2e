"""What the matrix cells share: an input of one-hot columns, and the initialisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Columns", "times", "times_all", "uniform_by_columns"]


class Columns(NamedTuple):
    """A matrix ``[d, k]`` with one entry per column: ``value[j]`` in row ``index[j]``.

    A matrix times it is a gather of columns, without the ``d * d * k`` products.
    """

    index: Tensor
    value: Tensor

    def dense(self, rows: int) -> Tensor:
        """The matrix with all its zeros, ``[rows, k]``."""
        at = torch.arange(self.index.numel(), device=self.index.device)
        return self.value.new_zeros(rows, self.index.numel()).index_put(
            (self.index, at), self.value
        )


def times(weight: Tensor, x: Tensor | Columns) -> Tensor:
    """``weight @ x`` for a dense matrix or for :class:`Columns`."""
    if isinstance(x, Columns):
        return weight.index_select(1, x.index) * x.value
    return weight @ x


def times_all(weight: Tensor, xs: Sequence[Tensor | Columns]) -> Tensor:
    """``(weight @ x).T`` for each of several inputs of one size, ``[len(xs), k, r]``.

    Args:
        weight: ``[r, d]``.
        xs: ``[d, k]`` each, dense or as :class:`Columns`.
    """
    if all(isinstance(x, Columns) for x in xs):
        rows = weight.t().index_select(0, torch.cat([x.index for x in xs]))
        rows = rows * torch.cat([x.value for x in xs]).unsqueeze(1)
    else:
        dense = [x.dense(weight.shape[1]) if isinstance(x, Columns) else x for x in xs]
        rows = torch.cat(dense, dim=1).t() @ weight.t()
    return rows.view(len(xs), -1, weight.shape[0])


@torch.no_grad()
def uniform_by_columns(weight: Tensor) -> None:
    """Fill with uniform numbers within 1 / sqrt(size of the last axis), in place."""
    bound = 1.0 / math.sqrt(weight.shape[-1])
    weight.uniform_(-bound, bound)
