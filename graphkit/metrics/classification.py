"""Metrics for classes, with a fixed list of classes.

Every function takes scores ``[Q, C]`` over *all* classes and labels ``[Q]``. The result does not
depend on which classes occur in the labels (except for weighted F1 and balanced accuracy, which
count occurrences by definition), and no input is modified. Of equal scores the lower class wins.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.metrics.checks import refuse_nan

__all__ = [
    "balanced_accuracy",
    "check_scores",
    "confusion_matrix",
    "ranked_classes",
    "top_k_accuracy",
    "weighted_f1",
]


def confusion_matrix(scores: Tensor, y: Tensor) -> Tensor:
    """Confusion matrix, int64 ``[C, C]``: rows are true classes, columns are predicted classes."""
    check_scores(scores, y)
    num = scores.shape[1]
    return torch.bincount(y * num + ranked_classes(scores, 1)[:, 0], minlength=num * num).view(
        num, num
    )


def weighted_f1(scores: Tensor, y: Tensor) -> float:
    """F1 of each class (one against the rest), weighted by the frequency of the class."""
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
    check_scores(scores, y)
    best = ranked_classes(scores, min(k, scores.shape[1]))
    return float((best == y.unsqueeze(1)).any(1).double().mean())


def ranked_classes(scores: Tensor, k: int) -> Tensor:
    """The k best classes of each row, best first; of equal scores the lower class comes first."""
    return scores.sort(dim=1, descending=True, stable=True).indices[:, :k]


def check_scores(scores: Tensor, y: Tensor) -> None:
    """Refuse scores and labels that cannot be compared.

    Raises:
        GraphError: The scores are not ``[Q, C]``, a score is NaN, there are no rows, or ``y`` does
            not hold one valid class per row.
    """
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
