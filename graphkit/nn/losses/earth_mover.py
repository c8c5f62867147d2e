"""Squared earth mover's distance between cumulative distributions, for classes in an order.

Hou, Yu, Samaras, "Squared Earth Mover's Distance-based Loss for Training Deep Neural Networks",
arXiv 1611.05916.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.nn.losses.levels import check_levels

__all__ = ["earth_mover_loss"]


def earth_mover_loss(logits: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Squared earth mover's distance to the class, the mean over rows.

    .. math:: \sum_j (P_j - [j \ge y])^2

    with P the cumulative softmax: the further mass lies from the class, the more it costs.

    Args:
        logits: ``[B, C]``.
        y: Classes, ``[B]``.
        reduction: ``"mean"``, or ``"none"`` for a number per row.

    Raises:
        GraphError: ``y`` are no classes of the logits (:func:`check_levels`).
    """
    check_levels(y, logits.shape[1])
    cumulative = logits.softmax(1).cumsum(1)
    level = torch.arange(logits.shape[1], device=y.device)
    each = (cumulative - (level >= y.unsqueeze(1)).to(logits.dtype)).square().sum(1)
    return each.mean() if reduction == "mean" else each
