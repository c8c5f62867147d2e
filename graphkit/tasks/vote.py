"""Classification of recordings by combining the predictions of their windows."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["vote"]


def vote(logits: Tensor, recording: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the mean log probabilities of the windows of each recording.

    Args:
        logits: Logits of the windows, ``[W, C]``.
        recording: Recording of each window, int64 ``[W]``.

    Returns:
        The distinct recordings ``[P]`` in increasing order, their mean log probabilities
        ``[P, C]``, float64, and the row of each window's recording ``[W]``.
    """
    number, row = recording.unique(return_inverse=True)
    voted = torch.zeros(len(number), logits.shape[1], dtype=torch.float64)
    voted.index_add_(0, row, logits.double().log_softmax(1))
    voted /= row.bincount().unsqueeze(1)
    return number, voted, row
