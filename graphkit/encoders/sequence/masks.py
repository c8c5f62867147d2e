"""Ragged rows: everything that turns on which positions are valid (true = valid)."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "align_end",
    "compact",
    "ends_valid",
    "key_padding_mask",
    "last_valid",
    "previous_valid",
    "spread",
    "time_gaps",
    "valid_positions",
]


def key_padding_mask(mask: Tensor | None) -> Tensor | None:
    """torch's attention masks say the opposite of ours: true = leave out. The one conversion."""
    return None if mask is None else ~mask


def valid_positions(mask: Tensor, start: Tensor | None = None) -> Tensor:
    """The place of each valid position among the valid ones of its row.

    Args:
        mask: bool ``[B, L]``.
        start: int64 ``[B]``, valid positions that came before; none by default.

    Returns:
        int64 ``[B, L]``. An invalid position has the number of the last valid one before it
        (``start - 1`` if there is none).
    """
    count = mask.long().cumsum(1) - 1
    return count if start is None else count + start.unsqueeze(1)


def previous_valid(mask: Tensor) -> Tensor:
    """Index of the last valid position strictly before each, -1 if there is none: ``[B, L]``."""
    index = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    latest = torch.where(mask, index, -1).cummax(1).values
    return torch.cat([torch.full_like(latest[:, :1], -1), latest[:, :-1]], 1)


def last_valid(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """The value at the last valid position of each row, zeros in a row without one.

    Args:
        values: ``[B, L, ...]``.
        mask: bool ``[B, L]``; all valid by default.

    Returns:
        ``[B, ...]``.
    """
    if values.shape[1] == 0:
        return values.new_zeros(values.shape[0], *values.shape[2:])
    if mask is None:
        return values[:, -1]
    index = torch.arange(mask.shape[1], device=mask.device)
    at = torch.where(mask, index, -1).amax(1)
    found = values[torch.arange(len(values), device=values.device), at.clamp(min=0)]
    return torch.where((at >= 0).view(-1, *[1] * (found.dim() - 1)), found, 0)


def time_gaps(
    time: Tensor, mask: Tensor | None, last: Tensor, seen: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Time since the previous valid position.

    Args:
        time: ``[B, L]`` absolute times, integer or float; subtracted in their own dtype.
        mask: bool ``[B, L]`` or ``None``.
        last: ``[B]``, time of the last valid position before this piece.
        seen: bool ``[B]``, whether there was one.

    Returns:
        ``(gap [B, L], last [B], seen [B])``: gaps are at least 0, and 0 where nothing came before;
        the other two describe the end of this piece.
    """
    last = last.to(time.dtype)
    if mask is None:
        before = torch.cat([last.unsqueeze(1), time[:, :-1]], 1)
        known = torch.cat([seen.unsqueeze(1), torch.ones_like(time[:, 1:], dtype=torch.bool)], 1)
        return (
            torch.where(known, time - before, 0).clamp_(min=0),
            time[:, -1],
            torch.ones_like(seen),
        )
    index = previous_valid(mask)
    before = torch.where(index >= 0, time.gather(1, index.clamp(min=0)), last.unsqueeze(1))
    known = (index >= 0) | seen.unsqueeze(1)
    some = mask.any(1)
    return (
        torch.where(known & mask, time - before, 0).clamp_(min=0),
        torch.where(some, last_valid(time, mask), last),
        seen | some,
    )


def compact(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows with their valid positions first, in order.

    Args:
        values: ``[B, L, C]``.
        mask: bool ``[B, L]``.

    Returns:
        ``(values [B, L, C], order [B, L], lengths [B])``; :func:`spread` undoes it.
    """
    order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)
    index = order.unsqueeze(-1).expand_as(values)
    return values.gather(1, index), order, mask.sum(1)


def spread(values: Tensor, order: Tensor) -> Tensor:
    """Undoes :func:`compact`: puts position l of ``values`` to ``order[:, l]``."""
    index = order.unsqueeze(-1).expand_as(values)
    return torch.zeros_like(values).scatter(1, index, values)


def ends_valid(mask: Tensor | None) -> bool:
    """Whether the valid positions of every row are its last ones. On a GPU, where looking would
    wait for the device, and while torch traces a graph of operations, false unless there is no
    mask."""
    if mask is None:
        return True
    if torch.compiler.is_compiling():
        return False
    return mask.device.type == "cpu" and bool((mask[:, :-1] <= mask[:, 1:]).all())


def align_end(values: Tensor, mask: Tensor | None, multiple: int) -> tuple[Tensor, Tensor]:
    """Valid positions moved to the end of each row, zeros before them.

    Args:
        values: ``[B, L, C]``.
        mask: bool ``[B, L]`` or ``None``.
        multiple: The new length is the next multiple of this.

    Returns:
        ``(values [B, M, C], slot [B, L])``: where each valid position went. Invalid positions
        point to a slot, too, which holds something else.
    """
    batch, length, channels = values.shape
    size = -(-length // multiple) * multiple
    if mask is None:
        slot = torch.arange(size - length, size, device=values.device).expand(batch, -1)
        return torch.cat([values.new_zeros(batch, size - length, channels), values], 1), slot
    slot = (size - mask.sum(1, keepdim=True) + valid_positions(mask)).clamp(min=0, max=size - 1)
    values = torch.where(mask.unsqueeze(-1), values, 0)
    moved = values.new_zeros(batch, size, channels)
    return moved.scatter_add(1, slot.unsqueeze(-1).expand_as(values), values), slot
