"""Caches of past positions, aligned to the right: the last column is the last valid position.

So a key's column tells its offset from the next position in every row alike, however many
positions a row has had; columns before a row's first position hold zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["keep_last"]


def keep_last(
    read: Tensor, past: int, lengths: Tensor | None, total: Tensor, slots: int | None
) -> Tensor:
    """The cache after some positions more.

    Args:
        read: ``[B, past + L, D]``, the cache before and the new positions, valid ones first.
        past: Columns of the cache before.
        lengths: int64 ``[B]``, how many of the L new positions are valid; all by default.
        total: int64 ``[B]``, positions of each row so far, the new ones included.
        slots: Columns to keep; ``None`` keeps all that any row has had.

    Returns:
        ``[B, slots, D]``.
    """
    new = read.shape[1] - past
    if slots is None:
        slots = int(total.max())
    if lengths is None:
        return F.pad(read, (0, 0, max(0, slots - read.shape[1]), 0))[:, -slots or read.shape[1] :]
    read = F.pad(read, (0, 0, max(0, slots - past), 0))  # from here on the cache has >= slots
    end = read.shape[1] - new + lengths
    at = end[:, None] - slots + torch.arange(slots, device=read.device)
    return read.gather(1, at[..., None].expand(-1, -1, read.shape[-1]))
