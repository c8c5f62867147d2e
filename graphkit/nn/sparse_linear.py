"""A first layer: dropout and a linear map of node features, of which most may be zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.nn.tensor_cache import TensorCache
from graphkit.ops.csr import CSR
from graphkit.ops.random_mask import keep_scale, random_mask

__all__ = ["SparseLinear", "fast_dropout", "sparse_linear"]


class SparseLinear(nn.Linear):
    r"""Dropout of the input, then :math:`x W^\top + b`, for dense or sparse features.

    A sparse CSR tensor (``x.to_sparse_csr()``) of bag-of-words features costs what its entries
    cost: dropout draws for the entries alone (dropping a zero changes nothing) and the product
    skips the rest. Sparse features get no gradient.

    Args:
        in_features: Channels in.
        out_features: Channels out.
        bias: Whether there is :math:`b`.
        dropout: Probability to drop an input, in training.

    Shapes:
        - **input:** :math:`(n, C)`, strided or sparse CSR
        - **output:** :math:`(n, C')`
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dropout: float = 0.0
    ) -> None:
        super().__init__(in_features, out_features, bias)
        self.dropout = dropout
        self._entries = TensorCache()

    def forward(self, x: Tensor) -> Tensor:
        p = self.dropout if self.training else 0.0
        if x.layout != torch.sparse_csr:
            return F.linear(fast_dropout(x, p), self.weight, self.bias)
        return sparse_linear(self.entries(x), self.weight, self.bias, p)

    def entries(self, x: Tensor) -> CSR:
        """A sparse CSR tensor as what the kernels take, from the cache if it is the last one."""
        # The values, which torch counts writes to; the matrix itself for what it consists of.
        return self._entries.get((x,), x.dtype, lambda: CSR.from_torch(x))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dropout={self.dropout}"


def sparse_linear(
    x: CSR,
    weight: Tensor,
    bias: Tensor | None,
    p: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """``dropout(x, p) @ weight.T + bias`` for sparse ``x`` ``[n, C]``: ``[n, C']``.

    Args:
        x: Features, which get no gradient.
        weight: ``[C', C]``.
        bias: ``[C']`` or none.
        p: Probability to drop an entry.
        generator: Draws the entries to drop.
    """
    value = x.value.to(weight.dtype)
    if p > 0:
        kept = random_mask(value.shape, p, value.device, generator)
        value = value * kept * keep_scale(p)
    elif x.value.dtype == weight.dtype:
        value = None
    with torch.autocast(weight.device.type, enabled=False):
        out = _SparseTimes.apply(weight, x, value)
    return out if bias is None else out + bias


def fast_dropout(x: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """Dropout with a mask from :func:`~graphkit.ops.random_mask.random_mask`."""
    if p == 0:
        return x
    if torch.compiler.is_compiling():
        return F.dropout(x, p)
    return x * random_mask(x.shape, p, x.device, generator) * keep_scale(p)


class _SparseTimes(torch.autograd.Function):
    """x @ weight.T with a gradient for the weight; both products read rows."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: CSR, value: Tensor | None) -> Tensor:
        ctx.x, ctx.value = x, value
        matrix = x if value is None else x.with_value(value)
        return matrix.matmul(weight.t().contiguous())

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor, None, None]:
        x, value = ctx.x, ctx.value
        matrix = x.transposed if value is None else x.transposed_with(value)
        return matrix.matmul(dout.contiguous()).t(), None, None
