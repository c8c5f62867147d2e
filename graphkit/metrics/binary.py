"""Average precision and ROC-AUC of positives against negatives."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.metrics.checks import refuse_nan

__all__ = ["average_precision", "batch_mean", "roc_auc"]


def average_precision(positive: Tensor, negative: Tensor) -> float:
    r"""Average precision over all scores at once,
    :math:`\sum_n (R_n - R_{n-1}) P_n`, as scikit-learn defines it; equal scores share a threshold.

    Args:
        positive: Scores of true events, any shape; logits or probabilities.
        negative: Scores of negatives, any shape.

    Raises:
        GraphError: A score is NaN, or one side is empty.
    """
    from torchmetrics.functional.classification import binary_average_precision

    return float(binary_average_precision(*_levels(positive, negative)))


def roc_auc(positive: Tensor, negative: Tensor) -> float:
    """Area under the ROC curve over all scores at once; a tie counts one half.

    Args:
        positive: Scores of true events, any shape; logits or probabilities.
        negative: Scores of negatives, any shape.

    Raises:
        GraphError: A score is NaN, or one side is empty.
    """
    from torchmetrics.functional.classification import binary_auroc

    return float(binary_auroc(*_levels(positive, negative)))


def batch_mean(
    metric: Callable[[Tensor, Tensor], float],
    positive: Tensor,
    negative: Tensor,
    size: int = 32,
) -> float:
    """The mean of a metric over consecutive batches, as many published tables are computed.

    It is not the metric of the split: a score is compared only with those of its own batch. Report
    it only under a name that says so (``ap_batch_mean_32``).

    Args:
        metric: :func:`average_precision` or :func:`roc_auc`.
        positive: ``[E]`` scores of true events, in stream order.
        negative: ``[E]`` or ``[E, K]`` scores of their negatives.
        size: Events per batch; the last batch may hold fewer and counts as much as the others.
    """
    if len(positive) != len(negative):
        raise GraphError(
            "negative",
            "batches need the negatives of each positive",
            expected=f"{len(positive)} rows",
            got=f"{len(negative)} rows",
        )
    pairs = zip(positive.split(size), negative.split(size))
    values = [metric(p, n) for p, n in pairs]
    if not values:
        raise GraphError("positive", "there is nothing to score", expected="at least one score")
    return sum(values) / len(values)


def _levels(positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """Order-preserving predictions in [0, 1] and their 0/1 targets.

    torchmetrics squashes logits with a float32 sigmoid, which makes large logits equal. Replacing
    each score by its rank among the distinct scores keeps every order and every tie.
    """
    positive, negative = positive.detach().flatten(), negative.detach().flatten()
    for name, part in (("positive", positive), ("negative", negative)):
        if part.numel() == 0:
            raise GraphError(name, "there is nothing to score", expected="at least one score")
        refuse_nan(part, name)
    scores = torch.cat([positive, negative])
    distinct, level = torch.unique(scores, return_inverse=True)
    target = torch.zeros(scores.numel(), dtype=torch.long, device=scores.device)
    target[: positive.numel()] = 1
    return level.double() / max(distinct.numel() - 1, 1), target
