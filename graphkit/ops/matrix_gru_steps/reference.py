"""The steps as torch operations."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["matrix_gru_steps_reference"]


def matrix_gru_steps_reference(
    state: Tensor, given: Tensor, hidden: Tensor, own: Tensor | None, steps: int
) -> tuple[Tensor, ...]:
    """The equations as written; see :func:`~graphkit.ops.matrix_gru_steps.op.matrix_gru_steps`."""
    d, found = state.shape[1], []
    for t in range(steps):
        a = given if given.dim() == 2 else given[t]
        if own is not None:
            a = a + state @ own.t()
        z, r = torch.sigmoid(a[:, : 2 * d] + state @ hidden[: 2 * d].t()).chunk(2, dim=1)
        new = torch.tanh(a[:, 2 * d :] + (r * state) @ hidden[2 * d :].t())
        state = torch.lerp(state, new, z)
        found.append(state)
    return tuple(found)
