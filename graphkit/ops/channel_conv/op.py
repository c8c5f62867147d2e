"""Correlation of every channel with taps of its own, for long and for short filters.

``torch.nn.functional.conv1d`` with as many groups as channels is slow on a CPU: nine times slower
than this for 64 taps. On a CPU with numba it is a loop (``loops.py``). Otherwise long filters
go through one matrix product per channel (blocks of the signal times a band matrix of the taps),
short ones through one pass per tap.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphkit.ops.channel_conv.bands import BLOCK, band_matrix, blocks
from graphkit.ops.channel_conv.loops import correlate_loop, taps_gradient_loop
from graphkit.ops.compiled import use_compiled

__all__ = ["channel_conv"]

_SHORT = 8  # taps from which on the matrix product is faster


def channel_conv(x: Tensor, taps: Tensor, *, same: bool = False) -> Tensor:
    r"""Each channel's correlation with its own taps:
    :math:`y_{c,b,t} = \sum_k w_{c,k} \, x_{c,b,t+k}`.

    Args:
        x: Signals ``[..., C, B, T]``.
        taps: ``[..., C, K]``, the same leading axes.
        same: Pad with zeros so that the length stays: ``(K - 1) // 2`` in front and ``K // 2``
            behind, as Keras does. Otherwise the result has ``T - K + 1`` steps.

    Returns:
        ``[..., C, B, T']``.
    """
    size = taps.shape[-1]
    padding = ((size - 1) // 2, size // 2) if same else (0, 0)
    if x.dtype != taps.dtype:  # autocast makes products of parameters bfloat16
        wide = torch.promote_types(x.dtype, taps.dtype)
        x, taps = x.to(wide), taps.to(wide)
    if use_compiled(x, taps):
        return _LoopConv.apply(x, taps, padding)
    if size <= _SHORT:
        return _ShortConv.apply(x, taps, padding)
    x = F.pad(x, padding) if same else x
    steps = x.shape[-1] - size + 1
    shape = x.shape[:-1]
    cut = blocks(x.reshape(-1, *x.shape[-2:]), size)
    y = torch.bmm(cut.flatten(1, 2), band_matrix(taps.reshape(-1, size)))
    return y.view(*shape, -1)[..., :steps]


def _correlate(x: Tensor, taps: Tensor) -> Tensor:
    size = taps.shape[-1]
    steps = x.shape[-1] - size + 1
    w = taps.unsqueeze(-2).unsqueeze(-1)  # [..., C, 1, K, 1]
    y = x[..., :steps] * w[..., 0, :]
    for k in range(1, size):
        y.addcmul_(x[..., k : k + steps], w[..., k, :])
    return y


class _LoopConv(torch.autograd.Function):
    """Compiled loops in both directions; zeros around a signal are never stored."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, taps)
        ctx.padding = padding
        return _loop_correlate(x, taps, *padding)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, taps = ctx.saved_tensors
        size, (front, behind) = taps.shape[-1], ctx.padding
        dx = dtaps = None
        if ctx.needs_input_grad[0]:
            dx = _loop_correlate(dy, taps.flip(-1), size - 1 - front, size - 1 - behind)
        if ctx.needs_input_grad[1]:
            dtaps = torch.empty_like(taps, memory_format=torch.contiguous_format)
            taps_gradient_loop(_rows(x), _rows(dy), front, dtaps.view(-1, size).numpy())
        return dx, dtaps, None


def _loop_correlate(x: Tensor, taps: Tensor, front: int, behind: int) -> Tensor:
    size = taps.shape[-1]
    out = x.new_empty(*x.shape[:-1], x.shape[-1] + front + behind - size + 1)
    filters = taps.detach().reshape(-1, size).contiguous().numpy()
    correlate_loop(_rows(x), filters, front, out.view(-1, *out.shape[-2:]).numpy())
    return out


def _rows(x: Tensor) -> Any:
    return x.detach().reshape(-1, *x.shape[-2:]).contiguous().numpy()


class _ShortConv(torch.autograd.Function):
    """A pass per tap in both directions; the gradient of the taps is one matrix product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, padding: tuple[int, int]) -> Tensor:
        x = F.pad(x, padding) if any(padding) else x
        ctx.save_for_backward(x, taps)
        ctx.padding = padding
        return _correlate(x, taps)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, taps = ctx.saved_tensors
        size = taps.shape[-1]
        dx = dtaps = None
        if ctx.needs_input_grad[0]:
            front, behind = ctx.padding  # what was padded needs no gradient
            around = (size - 1 - front, size - 1 - behind)
            dx = _correlate(F.pad(dy, around), taps.flip(-1))
        if ctx.needs_input_grad[1]:
            dtaps = _taps_gradient(x, dy, size)
        return dx, dtaps, None


def _taps_gradient(x: Tensor, dy: Tensor, size: int) -> Tensor:
    """Sums of products of x and dy at each lag, as one matrix product per channel."""
    lead, steps = x.shape[:-2], dy.shape[-1]
    cut = blocks(x.reshape(-1, *x.shape[-2:]), size).flatten(1, 2)
    rows = F.pad(dy, (0, -steps % BLOCK)).reshape(cut.shape[0], -1, BLOCK)
    products = torch.bmm(rows.mT, cut)  # [C, block, block + K - 1]: lag k on the k-th diagonal
    return torch.stack([products.diagonal(k, 1, 2).sum(-1) for k in range(size)], dim=-1).view(
        *lead, size
    )
