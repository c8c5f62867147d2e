"""Linear attention step by step."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["linear_attention_reference"]


def linear_attention_reference(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor | None = None
) -> Tensor:
    """The double sum as written; ``O(L^2 dk)`` memory."""
    length = k.shape[-2]
    b = torch.zeros_like(k) if log_decay is None else log_decay.expand_as(k).cumsum(-2)
    earlier = torch.ones(length, length, dtype=torch.bool, device=k.device).tril()
    gap = (b.unsqueeze(-2) - b.unsqueeze(-3)).masked_fill(~earlier.unsqueeze(-1), -torch.inf)
    return (q.unsqueeze(-2) * k.unsqueeze(-3) * gap.exp()).sum(-1) @ v
