"""The same filters for all signals, as one matrix product."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from graphkit.ops.channel_conv.bands import BLOCK, band_matrix, blocks

__all__ = ["shared_conv"]


def shared_conv(x: Tensor, filters: Tensor) -> Tensor:
    """Every signal's correlation with every filter, of the length of the signals.

    Zeros are padded as by ``channel_conv(same=True)``.

    Args:
        x: Signals ``[S, T]``.
        filters: ``[F, K]``.

    Returns:
        ``[F, S, T]``.
    """
    (signals, steps), size = x.shape, filters.shape[-1]
    x = F.pad(x, ((size - 1) // 2, size // 2))
    cut = blocks(x.unsqueeze(0), size).reshape(-1, BLOCK + size - 1)
    y = cut @ band_matrix(filters).movedim(0, 1).flatten(1)
    y = y.view(signals, -1, len(filters), BLOCK).permute(2, 0, 1, 3)
    return y.reshape(len(filters), signals, -1)[..., :steps]
