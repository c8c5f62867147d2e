"""Filters as banded matrices, so that a long filter is a matrix product over blocks of outputs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["BLOCK", "band_matrix", "blocks"]

BLOCK = 16  # outputs per block


def blocks(x: Tensor, size: int, block: int = BLOCK) -> Tensor:
    """Overlapping stretches of ``block + size - 1`` steps, every ``block`` steps; zeros at the end.

    Args:
        x: ``[C, B, T]``.
        size: Taps.
        block: Outputs per stretch.

    Returns:
        ``[C, B, ceil((T - size + 1) / block), block + size - 1]``.
    """
    steps = x.shape[-1] - size + 1
    x = F.pad(x, (0, -steps % block))
    return x.unfold(-1, block + size - 1, block)


def band_matrix(taps: Tensor, block: int = BLOCK) -> Tensor:
    """``[..., block + K - 1, block]``: column j holds the taps from row j on.

    Args:
        taps: ``[..., K]``.
        block: Columns.
    """
    size = taps.shape[-1]
    device = taps.device
    offset = torch.arange(block + size - 1, device=device).unsqueeze(1)
    offset = offset - torch.arange(block, device=device)
    index = torch.where((offset >= 0) & (offset < size), offset, size)
    flat = F.pad(taps, (0, 1)).index_select(-1, index.reshape(-1))
    return flat.unflatten(-1, index.shape)
