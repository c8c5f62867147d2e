r"""The sort-free join of neighbourhood caches: which hops of the other node hold my keys?

A cache row is ``[hop 0 | hop 1 | hop 2]`` with ``1 + M1 + M2`` keys. The slot of a key does not
depend on the owner of the row, :math:`h_k(a) = H(a) \bmod M_k`, so a key that two rows share in
hop ``k`` stands in the same column of both: membership is a comparison of columns, with no sorting,
no probing and static shapes. When one of ``M1`` and ``M2`` divides the other, the columns of hop 1
and hop 2 line up too (:math:`h_2 = h_1 \bmod M_2`); otherwise those are compared all with all.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["membership"]

_EMPTY, _OTHER_EMPTY = -1, -2


def membership(u: Tensor, v: Tensor, num_slots: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """For every key of one row the hops of the other row that hold it, both ways.

    Args:
        u: int ``[P, 1 + M1 + M2]`` cache rows; column 0 is the node itself, -1 is an empty slot.
        v: int ``[P, 1 + M1 + M2]``, the rows to compare with.
        num_slots: ``(M1, M2)``.

    Returns:
        Two uint8 ``[P, 1 + M1 + M2]``: in the first, bit ``k`` is set if hop ``k`` of ``v`` holds
        the key of ``u``; in the second the reverse. Zero for empty slots.
    """
    m1, m2 = num_slots
    v = v.masked_fill(v == _EMPTY, _OTHER_EMPTY)  # two empty slots are no shared key
    one, two = slice(1, 1 + m1), slice(1 + m1, 1 + m1 + m2)
    u_is_v = (u == v[:, :1]).view(torch.uint8)
    v_is_u = (v == u[:, :1]).view(torch.uint8)
    same1 = (u[:, one] == v[:, one]).view(torch.uint8)
    bits_u = u_is_v.clone()
    bits_u[:, 0].add_(v_is_u[:, one].amax(1), alpha=2)
    bits_u[:, one].add_(same1, alpha=2)
    bits_v = v_is_u
    bits_v[:, 0].add_(u_is_v[:, one].amax(1), alpha=2)
    if m2:
        u1_in_v2, v2_in_u1 = _match(u[:, one], v[:, two])
        v1_in_u2, u2_in_v1 = _match(v[:, one], u[:, two])
        same2 = (u[:, two] == v[:, two]).view(torch.uint8)
        bits_u[:, 0].add_(v_is_u[:, two].amax(1), alpha=4)
        bits_u[:, one].add_(u1_in_v2, alpha=4)
        bits_u[:, two].add_(u2_in_v1, alpha=2).add_(same2, alpha=4)
        bits_v[:, 0].add_(u_is_v[:, two].amax(1), alpha=4)
        bits_v[:, one].add_(v1_in_u2, alpha=4)
        bits_v[:, two].add_(v2_in_u1, alpha=2).add_(same2, alpha=4)
    bits_v[:, one].add_(same1, alpha=2)
    return bits_u, bits_v


def _match(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """uint8, which of ``a [P, A]`` stand in ``b [P, B]`` and which of ``b`` in ``a``."""
    wide, narrow = a.shape[1], b.shape[1]
    if wide % narrow == 0:
        equal = (a.unflatten(1, (-1, narrow)) == b.unsqueeze(1)).view(torch.uint8)
        return equal.flatten(1), equal.amax(1)
    if narrow % wide == 0:
        equal = (a.unsqueeze(1) == b.unflatten(1, (-1, wide))).view(torch.uint8)
        return equal.amax(1), equal.flatten(1)
    equal = (a.unsqueeze(2) == b.unsqueeze(1)).view(torch.uint8)
    return equal.amax(2), equal.amax(1)
