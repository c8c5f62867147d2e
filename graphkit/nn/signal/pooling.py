"""Means over the valid frames of each row."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["masked_mean"]


def masked_mean(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over valid positions of ``[B, L, C]``, zeros in a row without any: ``[B, C]``."""
    if mask is None:
        return x.mean(1)
    total = torch.where(mask[..., None], x, 0).sum(1)
    return total / mask.sum(1, keepdim=True).clamp(min=1)
