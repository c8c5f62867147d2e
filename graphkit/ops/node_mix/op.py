r"""The product of one sparse matrix over nodes with many slices: :math:`Y_t = P X_t (+ Z_t)`.

Slices ``[N, F]`` are taken one by one: each is small enough to stay in the cache while its rows are
gathered, where one product over all of them at once would fetch every row from memory again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphkit.ops.csr import CSR

__all__ = ["node_mix"]


def node_mix(matrix: CSR, transposed: CSR, x: Tensor, add: Tensor | None = None) -> Tensor:
    """Multiply every slice by a sparse matrix, from the left; differentiable in ``x`` and ``add``.

    It is computed in the type of the matrix, which sparse kernels want: under autocast, which makes
    ``x`` bfloat16, too.

    Args:
        matrix: ``[N, N]``.
        transposed: Its transposed matrix, for the backward pass.
        x: ``[T, N, F]``.
        add: ``[T, N, F]``, added to the product, or ``None``.

    Returns:
        ``[T, N, F]``, of the type of ``x``.
    """
    dtype = matrix.value.dtype
    more = None if add is None else add.to(dtype)
    return _NodeMix.apply(x.to(dtype), more, matrix, transposed).to(x.dtype)


class _NodeMix(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, add: Tensor | None, matrix: CSR, transposed: CSR) -> Tensor:
        ctx.transposed = transposed
        return _product(matrix, x, add)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x = _product(ctx.transposed, grad, None) if ctx.needs_input_grad[0] else None
        return x, grad if ctx.needs_input_grad[1] else None, None, None


def _product(matrix: CSR, x: Tensor, add: Tensor | None) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    if matrix.index.numel() == 0:
        return out.zero_() if add is None else out.copy_(add)
    add = None if add is None else add.contiguous()
    for t in range(x.size(0)):
        matrix.matmul_into(x[t], out[t], None if add is None else add[t])
    return out
