"""Sum-pooling of embeddings over the few true cells of a wide mask."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from graphkit.ops.compiled import use_compiled
from graphkit.ops.joint_bag import loops

__all__ = ["joint_bag", "sparse_bag"]


def joint_bag(table: Tensor, mask: Tensor, index: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """For every row, the sum of the table's rows over the non-zero cells of the mask.

    On the CPU the non-zero cells are listed first, so the work is proportional to their number. On
    other devices all cells are looked up, empty ones with weight zero: the shapes stay static and
    the host waits for nothing.

    Args:
        table: ``[V, D]``.
        mask: ``[P, L]``, any integer or bool type.
        index: Called with ``(row, column)``, int64 of one shape; gives the table's row of a cell.

    Returns:
        ``[P, D]``.
    """
    num_rows, width = mask.shape
    if mask.device.type == "cpu":
        cell = mask.view(-1).nonzero().squeeze(1)
        row, column = torch.div(cell, width, rounding_mode="floor"), cell % width
        return sparse_bag(table, index(row, column), row, num_rows)
    return _dense_bag(table, mask, index)


def sparse_bag(table: Tensor, index: Tensor, row: Tensor, num_rows: int) -> Tensor:
    """``out[row[i]] += table[index[i]]`` for every ``i``.

    Args:
        table: ``[V, D]``.
        index: int64 ``[n]``.
        row: int64 ``[n]``, below ``num_rows``.
        num_rows: ``P``.

    Returns:
        ``[P, D]``.
    """
    return _SparseBag.apply(table, index, row, num_rows)


def _dense_bag(table: Tensor, mask: Tensor, index: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    num_rows, width = mask.shape
    row = torch.arange(num_rows, device=mask.device).unsqueeze(1).expand(-1, width)
    column = torch.arange(width, device=mask.device).expand(num_rows, -1)
    weight = (mask != 0).to(table.dtype)
    return F.embedding_bag(index(row, column), table, per_sample_weights=weight, mode="sum")


class _SparseBag(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table: Tensor, index: Tensor, row: Tensor, num_rows: int) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(index, row)
        ctx.num_rows = table.shape[0]
        return _add_rows(num_rows, row, table, index)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):  # type: ignore[no-untyped-def]
        index, row = ctx.saved_tensors
        return _add_rows(ctx.num_rows, index, grad, row), None, None, None


def _add_rows(num_rows: int, to: Tensor, source: Tensor, index: Tensor) -> Tensor:
    """``[num_rows, D]``: ``out[to[i]] += source[index[i]]``."""
    out = source.new_zeros(num_rows, source.shape[1])
    if use_compiled(source):
        loops.add_rows(*(v.numpy() for v in (out, to, source.detach().contiguous(), index)))
        return out
    return out.index_add_(0, to, source.index_select(0, index))
