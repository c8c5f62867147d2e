"""Logits of pairs as torch operations."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["pair_logits_reference"]


def pair_logits_reference(
    left: Tensor, right: Tensor, src: Tensor, dst: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """The same by tensor operations; see :func:`~graphkit.ops.pair_logits.op.pair_logits`."""
    hidden = torch.relu(left.index_select(0, src) + right.index_select(0, dst))
    return torch.nn.functional.linear(hidden, weight, bias)
