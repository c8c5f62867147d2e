"""Edges between nodes whose readings correlate."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.checks import check_count

__all__ = ["correlation_edges"]


def correlation_edges(
    series: Tensor,
    *,
    num_neighbors: int = 8,
    phase: Tensor | None = None,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Edges from every node to the nodes whose readings have the highest correlation with its own.

    A common daily cycle makes all nodes correlate with each other. With ``phase`` the mean of each
    node at each phase (time of day) is subtracted first, so that the correlations are those of the
    deviations from the daily cycle.

    Args:
        series: Readings ``[T, N]``, rows of the training subset only.
        num_neighbors: Maximum number of edges that leave a node; only positive correlations count.
        phase: Slot of the day of every row, int64 ``[T]``, or ``None``.
        mask: bool ``[T, N]``, true where a reading is valid.

    Returns:
        ``edge_index`` int64 ``[2, E]``, sorted by source and decreasing weight, and ``edge_weight``
        float32 ``[E]``, Pearson correlations in ``(0, 1]``. No self loops.

    Raises:
        GraphError: ``num_neighbors`` is not a positive whole number.
    """
    k = check_count(num_neighbors, "num_neighbors")
    x = series.double()
    valid = torch.ones_like(x) if mask is None else mask.double()
    slot = (
        torch.zeros(len(x), dtype=torch.int64)
        if phase is None
        else phase.unique(return_inverse=True)[1]
    )
    slots = int(slot.max()) + 1 if len(x) else 1
    total = x.new_zeros(slots, x.size(1)).index_add_(0, slot, x * valid)
    count = x.new_zeros(slots, x.size(1)).index_add_(0, slot, valid)
    rest = (x - (total / count.clamp(min=1))[slot]) * valid
    both = valid.T @ valid
    square = rest.square().T @ valid  # sum of squares of i where j is also valid
    scale = (square * square.T).sqrt()
    similar = torch.where((scale > 0) & (both > 1), (rest.T @ rest) / scale, 0.0)
    similar.fill_diagonal_(-1)
    weight, dst = similar.topk(min(k, similar.size(0)), dim=1)
    src = torch.arange(similar.size(0)).unsqueeze(1).expand_as(dst)
    keep = weight > 1e-6
    return torch.stack([src[keep], dst[keep]]), weight[keep].float().clamp(max=1)
