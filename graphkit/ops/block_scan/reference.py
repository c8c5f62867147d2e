"""The recurrence step by step."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["block_scan_reference"]


def block_scan_reference(A: Tensor, b: Tensor, reverse: bool = False) -> Tensor:
    """The recurrence as written, one position after the other.

    Arguments are those of :func:`~graphkit.ops.block_scan.op.block_scan`.
    """
    length = b.shape[-2]
    h = b.new_zeros(*b.shape[:-2], b.shape[-1])
    out = [h] * length
    for t in reversed(range(length)) if reverse else range(length):
        h = torch.einsum("ijbd,jbd->ibd", A[..., t, :], h) + b[..., t, :]
        out[t] = h
    return torch.stack(out, -2) if length else b.clone()
