"""The recurrence of a cell step by step."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops.trajectory.cells import ParaCell

__all__ = ["sequential"]


def sequential(
    cell: ParaCell, x: Tensor, weight: Tensor, start: Tensor, mask: Tensor | None = None
) -> Tensor:
    """The recurrence as written; see :func:`~graphkit.ops.trajectory.op.trajectory`."""
    state, states = start, []
    for t in range(x.shape[2]):
        new = cell.value(state, x[:, :, t], weight)
        state = new if mask is None else torch.where(mask[:, t, None], new, state)
        states.append(state)
    return torch.stack(states, 2) if states else x.new_zeros(*start.shape[:2], 0, start.shape[2])
