"""Attention of every step over those before it, from the full matrix of weights."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["softmax_scan_reference"]


def softmax_scan_reference(s: Tensor, v: Tensor) -> Tensor:
    """A masked softmax over all pairs, ``O(L^2)``; every prefix must have a token."""
    length = s.shape[-1]
    later = torch.ones(length, length, dtype=torch.bool, device=s.device).triu(1)
    return s.unsqueeze(-2).expand(*s.shape, length).masked_fill(later, -torch.inf).softmax(-1) @ v
