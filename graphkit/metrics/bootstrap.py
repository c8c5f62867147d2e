"""Intervals of a metric from resampled groups."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.metrics.classification import check_scores

__all__ = ["bootstrap_over_groups"]


def bootstrap_over_groups(
    metric: Callable[[Tensor, Tensor], float],
    scores: Tensor,
    y: Tensor,
    group: Tensor,
    *,
    level: float = 0.95,
    repeats: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Mean of a metric over subjects, with a percentile interval from resampling the subjects.

    Windows of one subject are not independent samples, so subjects are resampled instead of
    windows.

    Args:
        metric: Function of scores and labels, such as :func:`~graphkit.metrics.ordinal.seq2hr`; it
            is computed once per group.
        scores, y: Arguments of the metric.
        group: Subject of each row, integers ``[Q]``.
        level: Share of the resampled means that the interval covers.
        repeats: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        Mean over groups, lower end, upper end.

    Raises:
        GraphError: Lengths differ, or a setting is out of range.
    """
    check_scores(scores, y)
    if group.shape != y.shape:
        raise GraphError("group", "one for each row", expected=len(y), got=list(group.shape))
    if not 0 < level < 1 or repeats < 1:
        raise GraphError("level", "out of range", expected="0 < level < 1, repeats >= 1", got=level)
    rows = (torch.nonzero(group == one).squeeze(1) for one in group.unique())
    each = torch.tensor([metric(scores[r], y[r]) for r in rows], dtype=torch.float64)
    draw = torch.Generator().manual_seed(seed)
    picked = torch.randint(len(each), (repeats, len(each)), generator=draw)
    tail = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.quantile(each[picked].mean(1), tail).tolist()
    return float(each.mean()), low, high
