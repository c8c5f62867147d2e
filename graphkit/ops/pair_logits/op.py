r"""The hidden layer of listed pairs, passed through and never written down.

A perceptron on :math:`[h_u \Vert h_v]` begins with a sum :math:`a_u + b_v` of two vectors that
every row has once. As tensor operations the rest writes a hidden layer of ``M`` rows, several times
over: gathered, added, cut off at zero, and each again on the way back. As a loop over the pairs,
the layer of one pair at a time stays in registers, and is made again for the backward pass. Pairs
that occur several times, as those of nodes that share a row do, are computed once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphkit.ops.compiled import use_compiled
from graphkit.ops.pair_logits import loops
from graphkit.ops.pair_logits.reference import pair_logits_reference

__all__ = ["pair_logits"]

_CELLS = 64  # cells of the table of all pairs, for each pair that is asked for, at most


def pair_logits(
    left: Tensor, right: Tensor, src: Tensor, dst: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    r""":math:`l_m = W \, \mathrm{relu}(a_{\mathrm{src}_m} + b_{\mathrm{dst}_m}) + \beta`.

    Args:
        left: a, ``[n, c]``.
        right: b, ``[n', c]``.
        src: int64 ``[M]``, rows of ``left``.
        dst: int64 ``[M]``, rows of ``right``.
        weight: W, ``[C, c]``.
        bias: :math:`\beta`, ``[C]``.

    Returns:
        ``[M, C]``.

    Raises:
        IndexError: There is no such row.
    """
    floats = (left, right, weight, bias)
    if (
        torch.compiler.is_compiling()
        or not use_compiled(*floats, src, dst)
        or len({t.dtype for t in floats}) > 1
        or torch.is_autocast_enabled(left.device.type)
    ):
        return pair_logits_reference(left, right, src, dst, weight, bias)
    for name, rows, table in (("src", src, left), ("dst", dst, right)):
        if rows.numel() and not _within(rows, len(table)):
            raise IndexError(f"{name} has rows outside of 0..{len(table) - 1}")
    return _PairLogits.apply(left, right, src, dst, weight, bias)


class _PairLogits(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        left: Tensor,
        right: Tensor,
        src: Tensor,
        dst: Tensor,
        weight: Tensor,
        bias: Tensor,
    ) -> Tensor:
        given = [t.contiguous() for t in (left, right, src, dst, weight, bias)]
        place = None
        if len(left) * len(right) <= _CELLS * len(src):
            given[2], given[3], place = _once(given[2], given[3], len(left), len(right))
        out = left.new_empty(given[2].shape[0], weight.shape[0])
        loops.forward(*(t.detach().numpy() for t in given), out.numpy())
        ctx.place = place
        ctx.save_for_backward(*given[:5])
        if place is None:
            return out
        if out.shape[1] > 1:
            return out.index_select(0, place)
        found = out.new_empty(len(place), 1)  # numbers are gathered several times faster than rows
        torch.index_select(out.squeeze(1), 0, place, out=found.squeeze(1))
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        given = ctx.saved_tensors
        found = [torch.zeros_like(given[i]) for i in (0, 1, 4)]
        grad = grad.contiguous()
        of_bias = grad.sum(0)
        if ctx.place is not None:
            total = grad.new_zeros(given[2].shape[0], grad.shape[1])
            loops.add_rows(ctx.place.numpy(), grad.numpy(), total.numpy())
            grad = total
        loops.backward(*(t.detach().numpy() for t in (*given, grad, *found)))
        d_left, d_right, d_weight = found
        return d_left, d_right, None, None, d_weight, of_bias


def _within(rows: Tensor, size: int) -> bool:
    least, most = rows.aminmax()
    return int(least) >= 0 and int(most) < size


def _once(src: Tensor, dst: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Every pair once, in the order in which they occur first; and the place of each given one."""
    table = torch.zeros(rows * columns, dtype=torch.int32)
    first, second, place = (torch.empty_like(src) for _ in range(3))
    number = loops.find_distinct(
        *(t.numpy() for t in (src, dst, table, first, second, place)), columns
    )
    return first[:number], second[:number], place
