"""Rank of the true destination among its candidates: ranks, MRR and hits@k."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.metrics.checks import refuse_nan

__all__ = ["hits_at_k", "mrr", "ranks"]


def ranks(scores: Tensor, offsets: Tensor | None = None) -> Tensor:
    """Rank of each positive among itself and its negatives; 1 is best, ties are averaged.

    A positive that ties with ``m`` negatives gets the mean of the ``m + 1`` ranks they share, as
    ``scipy.stats.rankdata(method="average")`` computes it, so that a model that gives all
    candidates the same score gains nothing.

    Args:
        scores: ``[B, 1 + K]`` with the positive in column 0; or, with ``offsets``, ``[M]``: the
            concatenated rows of a ragged list, the positive first in each row.
        offsets: int64 ``[B + 1]``, the position at which each ragged row begins, followed by ``M``.

    Returns:
        float64 ``[B]``.

    Raises:
        GraphError: A score is NaN, shapes do not match, or a ragged row has no positive.
    """
    refuse_nan(scores, "scores")
    if offsets is None:
        if scores.dim() != 2 or scores.shape[1] < 1:
            raise GraphError(
                "scores",
                "one row per event with the positive first is needed",
                expected="[B, 1 + K]",
                got=list(scores.shape),
                fix="Give offsets= when rows have different lengths.",
            )
        positive, others = scores[:, :1], scores[:, 1:]
        above = (others > positive).sum(dim=1)
        equal = (others == positive).sum(dim=1)
    else:
        row = _row_of(scores, offsets)
        positive = scores[offsets[:-1]][row]
        counts = torch.zeros(2, offsets.numel() - 1, dtype=torch.long, device=scores.device)
        above = counts[0].index_add_(0, row, (scores > positive).long())
        equal = counts[1].index_add_(0, row, (scores == positive).long()) - 1  # itself
    return 1.0 + above.double() + 0.5 * equal.double()


def mrr(scores: Tensor, offsets: Tensor | None = None) -> float:
    """Mean reciprocal rank. The arguments are those of :func:`ranks`."""
    return float(_some(ranks(scores, offsets)).reciprocal().mean())


def hits_at_k(scores: Tensor, k: int = 10, offsets: Tensor | None = None) -> float:
    """Share of events whose positive ranks among the first ``k``. Arguments as in :func:`ranks`.

    A tie across rank ``k`` is decided by the averaged rank, as in the Temporal Graph Benchmark.
    """
    if k < 1:
        raise GraphError("k", "not a number of places", expected="k >= 1", got=k)
    return float((_some(ranks(scores, offsets)) <= k).double().mean())


def _some(rank: Tensor) -> Tensor:
    if rank.numel() == 0:
        raise GraphError("scores", "there is nothing to rank", expected="at least one row")
    return rank


def _row_of(scores: Tensor, offsets: Tensor) -> Tensor:
    """int64 ``[M]``, the row of each ragged entry; checks that every row begins with a positive."""
    if scores.dim() != 1:
        raise GraphError(
            "scores", "ragged rows lie in one line", expected="[M]", got=list(scores.shape)
        )
    size = offsets.diff()
    ends_fit = offsets.numel() > 0 and int(offsets[0]) == 0 and int(offsets[-1]) == scores.numel()
    if not ends_fit:
        raise GraphError(
            "offsets",
            "they do not cover the scores",
            expected=f"0 first and {scores.numel()} last",
            got=offsets.tolist() if offsets.numel() < 8 else f"{offsets.numel()} offsets",
        )
    if bool((size < 1).any()):
        row = int((size < 1).nonzero()[0])
        raise GraphError(
            "offsets",
            "a row without its positive",
            row=row,
            expected="at least 1 score per row",
            got=int(size[row]),
        )
    return torch.repeat_interleave(torch.arange(size.numel(), device=scores.device), size)
