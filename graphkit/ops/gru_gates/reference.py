"""The gates of a GRU as torch operations."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["gru_gates_reference", "gru_lookup_reference"]


def gru_gates_reference(x: Tensor, h: Tensor, state: Tensor) -> Tensor:
    """The equations as written; see :func:`~graphkit.ops.gru_gates.op.gru_gates`."""
    x_r, x_z, x_n = x.chunk(3)
    h_r, h_z, h_n = h.chunk(3)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (1 - z) * n + z * state


def gru_lookup_reference(
    by_key: Tensor,
    key: Tensor,
    by_age: Tensor,
    age: Tensor,
    weight: Tensor,
    bias: Tensor,
    state: Tensor,
    valid: Tensor | None = None,
    extra: Tensor | None = None,
) -> Tensor:
    """The equations as written; see :func:`~graphkit.ops.gru_gates.op.gru_lookup`."""
    x = by_key[:, key] + by_age[:, age]
    if extra is not None:
        x = x + extra
    new = gru_gates_reference(x, weight @ state + bias.unsqueeze(1), state)
    return new if valid is None else new * valid
