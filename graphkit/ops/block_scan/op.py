r"""Affine recurrences with a small block per channel, in logarithmically many steps.

.. math::
    h_t = A_t h_{t-1} + b_t, \qquad h_0 = 0

with :math:`A_t` a number or a 2 x 2 block for each channel. Neighbouring maps are composed,
:math:`(A_2, b_2) \circ (A_1, b_1) = (A_2 A_1, A_2 b_1 + b_2)`, the recurrence of half the length is
solved, and the positions between are filled in: about two passes over the data in all, each level a
handful of tensor operations. Blocks lie along the first axes ("planes"), so that every product of
two blocks is elementwise on contiguous memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops.block_scan.loops import scan_loop
from graphkit.ops.block_scan.reference import block_scan_reference
from graphkit.ops.compiled import use_compiled

__all__ = ["block_scan"]

_SHORT = 4  # below this length the levels cost more than a loop


def block_scan(A: Tensor, b: Tensor, reverse: bool = False) -> Tensor:
    r"""Solves :math:`h_t = A_t h_{t-1} + b_t` from zero for all t at once. Not differentiable.

    Args:
        A: ``[S, S, B, L, D]``, S = 1 or 2. With ``reverse`` the maps go backward,
            :math:`h_t = A_t h_{t+1} + b_t`.
        b: ``[S, B, L, D]``.
        reverse: Run from the last position to the first.

    Returns:
        ``[S, B, L, D]``.
    """
    if use_compiled(A, b):
        out = torch.empty_like(b, memory_format=torch.contiguous_format)
        scan_loop(A.contiguous().numpy(), b.contiguous().numpy(), out.numpy(), reverse)
        return out
    if reverse:
        return _scan(A.flip(-2), b.flip(-2)).flip(-2)
    return _scan(A, b)


def _scan(A: Tensor, b: Tensor) -> Tensor:
    length = b.shape[-2]
    if length <= _SHORT:
        return block_scan_reference(A, b)
    half = length // 2
    A_odd, b_odd = A[..., 1::2, :], b[..., 1::2, :]
    A_even, b_even = A[..., 0::2, :], b[..., 0::2, :]
    odd = _scan(
        _compose(A_odd, A_even[..., :half, :]),
        _apply(A_odd, b_even[..., :half, :], b_odd),
    )
    out = torch.empty_like(b, memory_format=torch.contiguous_format)
    out[..., 1::2, :] = odd
    out[..., 0, :] = b[..., 0, :]
    rest = b_even.shape[-2] - 1
    out[..., 2::2, :] = _apply(A_even[..., 1:, :], odd[..., :rest, :], b_even[..., 1:, :])
    return out


def _compose(second: Tensor, first: Tensor) -> Tensor:
    if second.shape[0] == 1:
        return second * first
    (a, b), (c, d) = second
    (e, f), (g, h) = first
    out = torch.empty_like(second, memory_format=torch.contiguous_format)
    torch.mul(a, e, out=out[0, 0]).addcmul_(b, g)
    torch.mul(a, f, out=out[0, 1]).addcmul_(b, h)
    torch.mul(c, e, out=out[1, 0]).addcmul_(d, g)
    torch.mul(c, f, out=out[1, 1]).addcmul_(d, h)
    return out


def _apply(A: Tensor, x: Tensor, b: Tensor) -> Tensor:
    if A.shape[0] == 1:
        return torch.addcmul(b, A[0], x)
    return torch.stack([torch.addcmul(b[i], A[i, 0], x[0]).addcmul_(A[i, 1], x[1]) for i in (0, 1)])
