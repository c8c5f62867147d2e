"""How often the entries of one row of keys occur in another row."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops.co_occurrence import loops
from graphkit.ops.compiled import use_compiled

__all__ = ["co_occurrence"]

_CELLS = 1 << 22  # comparisons at a time, on the torch path


def co_occurrence(key: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """For every entry of one row the number of entries of the other row with its key, both ways.

    On the CPU, with numba, a loop over the pairs; otherwise all entries are compared with all, a
    block of pairs at a time.

    Args:
        key: int64 ``[R, L]``; negative keys are padding, which equals nothing.
        u: int64 ``[P]``, rows.
        v: int64 ``[P]``, rows.

    Returns:
        Two int64 ``[P, L]``: for the entries of row ``u`` their number in row ``v``, and the
        reverse; 0 for padding.
    """
    shape = (u.numel(), key.shape[1])
    if use_compiled(key, u, v):
        of_u, of_v = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.int64)
        tensors = (key.contiguous(), u.contiguous(), v.contiguous(), of_u, of_v)
        loops.count_shared(*(tensor.numpy() for tensor in tensors))
        return of_u, of_v
    if not key.numel() or not u.numel():
        return key.new_zeros(shape), key.new_zeros(shape)
    parts = []
    step = max(1, _CELLS // key.shape[1] ** 2)
    for some_u, some_v in zip(u.split(step), v.split(step)):
        a, b = key[some_u].unsqueeze(2), key[some_v].unsqueeze(1)
        same = (a == b) & (a >= 0)
        parts.append((same.sum(2), same.sum(1)))
    of_u, of_v = zip(*parts)
    return torch.cat(of_u), torch.cat(of_v)
