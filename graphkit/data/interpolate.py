"""Interpolation of missing readings in time."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["interpolate"]


def interpolate(
    x: Tensor,
    mask: Tensor,
    max_gap: int | None = None,
    inside: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Fill in missing readings, for each series separately.

    Values between two readings are interpolated linearly; values before the first and after the
    last reading of a series equal that reading.

    Args:
        x: ``[B, T, ...]``; values where ``mask`` is false are ignored.
        mask: bool of the same shape, true where there is a reading.
        max_gap: Longest run of missing readings that is filled in, in rows; ``None`` for any.
        inside: bool ``[B, T]``, rows that may be filled in; ``None`` for all. Others are padding.

    Returns:
        The readings, 0 where still missing, and the new mask.
    """
    steps = x.shape[1]
    x = torch.where(mask, x, 0)
    row = torch.arange(steps, device=x.device).view(1, -1, *[1] * (x.dim() - 2)).expand(x.shape)
    before = torch.where(mask, row, -1).cummax(1).values
    after = torch.where(mask, row, steps).flip(1).cummin(1).values.flip(1)
    has_before, has_after = before >= 0, after < steps
    low = x.gather(1, before.clamp(min=0))
    high = x.gather(1, after.clamp(max=steps - 1))
    share = (row - before).to(x.dtype) / (after - before).clamp(min=1).to(x.dtype)
    value = torch.where(has_after, torch.where(has_before, low + (high - low) * share, high), low)
    fill = ~mask & (has_before | has_after)
    if inside is not None:
        fill = fill & inside.view(*inside.shape, *[1] * (x.dim() - 2))
    if max_gap is not None:
        last = steps
        if inside is not None:
            last = inside.sum(1).view(-1, *[1] * (x.dim() - 1))
        length = torch.where(has_after, after, last) - before - 1
        fill = fill & (length <= max_gap)
    return torch.where(fill, value, x), mask | fill
