"""A sparse matrix that stays as it is, times a dense one that learns."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphkit.ops.csr import CSR

__all__ = ["csr_matmul"]


def csr_matmul(matrix: CSR, dense: Tensor) -> Tensor:
    """``matrix @ dense`` with a gradient for ``dense``.

    Args:
        matrix: ``[rows, columns]``; its transposed is made at the first backward pass and kept.
        dense: ``[columns, w]`` of the dtype of the matrix.

    Returns:
        ``[rows, w]``.
    """
    with torch.autocast(dense.device.type, enabled=False):
        return _Times.apply(dense.to(matrix.value.dtype), matrix)


class _Times(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: CSR) -> Tensor:
        ctx.matrix = matrix
        return matrix.matmul(dense.contiguous())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.matrix.transposed.matmul(grad.contiguous()), None
