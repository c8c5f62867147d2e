"""The check that all metrics share: scores must not be NaN."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError


def refuse_nan(scores: Tensor, column: str) -> None:
    """Raise :class:`GraphError` with the position of the first NaN; infinite scores are allowed."""
    bad = torch.isnan(scores)
    if bool(bad.any()):
        row = int(bad.reshape(bad.shape[0], -1).any(dim=1).nonzero()[0]) if bad.dim() else 0
        raise GraphError(
            column,
            f"{int(bad.sum())} of {scores.numel()} scores are NaN, so they have no order",
            row=row,
            expected="numbers (infinite ones are fine)",
            got="nan",
            fix="Lower the learning rate, or look for a division by zero in the model.",
        )
