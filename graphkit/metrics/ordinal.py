"""Metrics for classes that have an order, with a fixed list of classes.

Every function takes scores ``[Q, C]`` over *all* classes and labels ``[Q]``; nothing depends on
which classes happen to occur in the labels (except weights of F1 and balanced accuracy, which
count occurrences by definition), and nothing is written to. Equal scores: the lower class wins.

Weighted F1, Top-2, Tri-P and Seq2HR are the measures of Kuang, Song and Michoski (2024), arXiv
2408.15255. Their code drops the score columns of absent classes in Top-2 and builds confusion
matrices without a list of classes; here both always have all classes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.metrics.checks import refuse_nan

__all__ = [
    "adjacency_rate",
    "balanced_accuracy",
    "bootstrap_over_groups",
    "confusion_matrix",
    "seq2hr",
    "top_k_accuracy",
    "tri_p",
    "weighted_f1",
]


def confusion_matrix(scores: Tensor, y: Tensor) -> Tensor:
    """Counts, int64 ``[C, C]``: rows are true classes, columns predicted ones."""
    _check(scores, y)
    num = scores.shape[1]
    return torch.bincount(y * num + _ranked(scores, 1)[:, 0], minlength=num * num).view(num, num)


def weighted_f1(scores: Tensor, y: Tensor) -> float:
    """F1 of each class (one against the rest), weighted by how often the class is true."""
    counts = confusion_matrix(scores, y).double()
    right, support, said = counts.diagonal(), counts.sum(1), counts.sum(0)
    f1 = 2 * right / (support + said).clamp_min(1)
    return float((f1 * support).sum() / support.sum())


def balanced_accuracy(scores: Tensor, y: Tensor) -> float:
    """Mean recall over the classes that occur."""
    counts = confusion_matrix(scores, y).double()
    support = counts.sum(1)
    there = support > 0
    return float((counts.diagonal()[there] / support[there]).mean())


def top_k_accuracy(scores: Tensor, y: Tensor, k: int = 2) -> float:
    """Share of rows whose true class is among the k highest scores."""
    _check(scores, y)
    best = _ranked(scores, min(k, scores.shape[1]))
    return float((best == y.unsqueeze(1)).any(1).double().mean())


def tri_p(scores: Tensor, y: Tensor) -> float:
    """Share of rows whose predicted class is at most one level from the truth."""
    _check(scores, y)
    return float(((_ranked(scores, 1)[:, 0] - y).abs() <= 1).double().mean())


def seq2hr(scores: Tensor, y: Tensor) -> float:
    """Sequential top-2 hit rate: the two highest classes are neighbours and one is the truth."""
    first, second = _two(scores, y)
    hit = (first == y) | (second == y)
    return float((((first - second).abs() == 1) & hit).double().mean())


def adjacency_rate(scores: Tensor, y: Tensor | None = None) -> float:
    """Share of rows whose two highest classes are neighbours; with ``y``, and the first is true."""
    first, second = _two(scores, y)
    adjacent = (first - second).abs() == 1
    if y is not None:
        adjacent &= first == y
    return float(adjacent.double().mean())


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
    """Mean of a metric over subjects, with a percentile interval from drawing subjects anew.

    Windows of one subject are no independent samples, so subjects are drawn and not windows.

    Args:
        metric: Of scores and labels, such as :func:`seq2hr`; taken once for each group.
        scores, y: As for the metric.
        group: Subject of each row, integers ``[Q]``.
        level: Share of the draws that the interval covers.
        repeats: Draws.
        seed: Of the draws.

    Returns:
        Mean over groups, lower end, upper end.

    Raises:
        GraphError: Lengths differ, or a setting is out of range.
    """
    _check(scores, y)
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


def _two(scores: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    _check(scores, torch.zeros(len(scores), dtype=torch.int64) if y is None else y)
    if scores.shape[1] < 2:
        raise GraphError("scores", "two classes at least", got=list(scores.shape))
    best = _ranked(scores, 2)
    return best[:, 0], best[:, 1]


def _ranked(scores: Tensor, k: int) -> Tensor:
    """The k best classes of each row, the best one first; of equal ones the lower class."""
    return scores.sort(dim=1, descending=True, stable=True).indices[:, :k]


def _check(scores: Tensor, y: Tensor) -> None:
    if scores.dim() != 2 or scores.shape[0] == 0:
        raise GraphError("scores", "no scores", expected="[Q, C]", got=list(scores.shape))
    if y.shape != scores.shape[:1] or y.is_floating_point():
        raise GraphError("y", "one class for each row", expected=len(scores), got=list(y.shape))
    if int(y.min()) < 0 or int(y.max()) >= scores.shape[1]:
        raise GraphError(
            "y",
            "a class out of range",
            expected=f"0 to {scores.shape[1] - 1}",
            got=f"{int(y.min())} to {int(y.max())}",
        )
    refuse_nan(scores, "scores")
