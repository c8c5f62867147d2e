"""Gated propagation as torch operations."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops.csr import CSR

__all__ = ["gated_propagation_reference"]


def gated_propagation_reference(z: Tensor, s: Tensor, b: Tensor, adjacency: CSR, K: int) -> Tensor:
    """The definition of :func:`~graphkit.ops.propagate.op.gated_propagation`, under autograd."""
    n, c, runs = z.shape
    h, out = z, 0
    for step in range(K + 1):
        if step:
            flat = h.reshape(n, c * runs)
            messages = adjacency.value.unsqueeze(1) * flat[adjacency.index.long()]
            h = torch.zeros_like(flat).index_add(0, adjacency.rows, messages).view(n, c, runs)
        gate = torch.sigmoid((h * s).sum(1) + b)
        out = out + gate.unsqueeze(1) * h
    return out
