"""A first layer: dropout and a linear map of node features, of which most may be zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from graphkit.nn.caching.tensor_cache import TensorCache
from graphkit.nn.dropout.fast import fast_dropout
from graphkit.ops.compiled import use_compiled
from graphkit.ops.csr import CSR
from graphkit.ops.kept_matmul import loops
from graphkit.ops.random_mask import keep_scale, random_mask

__all__ = ["SparseLinear", "sparse_linear"]


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
        weight: ``[C', C]``; fastest as the transpose of a contiguous tensor.
        bias: ``[C']`` or none.
        p: Dropout probability.
        generator: Draws the entries to drop.
    """
    kept = random_mask(x.value.shape, p, x.value.device, generator) if p > 0 else None
    if x.value.dtype != weight.dtype:
        x = x.with_value(x.value.to(weight.dtype))
    with torch.autocast(weight.device.type, enabled=False):
        out = _SparseTimes.apply(weight.t(), x, kept, keep_scale(p))
    return out if bias is None else out + bias


class _SparseTimes(torch.autograd.Function):
    """dropout(x) @ dense, ``[C, C']``, with a gradient for the dense matrix."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, x: CSR, kept: Tensor | None, scale: float) -> Tensor:
        ctx.x, ctx.kept, ctx.scale = x, kept, scale
        dense = dense.contiguous()
        if kept is None:
            return x.matmul(dense)
        if not use_compiled(x.value, dense):
            return x.with_value(x.value * kept * scale).matmul(dense)
        out = dense.new_empty(x.shape[0], dense.shape[1])
        loops.kept_times(*_views(x, kept, scale, dense, out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor, None, None, None]:
        x, kept, scale = ctx.x, ctx.kept, ctx.scale
        dout = dout.contiguous()
        if kept is None:
            return x.transposed.matmul(dout), None, None, None
        if not use_compiled(x.value, dout):
            matrix = x.transposed_with(x.value * kept * scale)
            return matrix.matmul(dout), None, None, None
        out = dout.new_empty(x.shape[1], dout.shape[1])
        loops.kept_transposed_times(*_views(x, kept, scale, dout, out))
        return out, None, None, None


def _views(x: CSR, kept: Tensor, scale: float, dense: Tensor, out: Tensor) -> tuple[Any, ...]:
    value = x.value.numpy()
    views = (t.numpy() for t in (dense, out))
    return x.indptr.numpy(), x.index.numpy(), value, kept.numpy(), value.dtype.type(scale), *views
