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
    true, false = _above(positive, negative)
    precision, recall = true / (true + false), true / true[-1]
    steps = recall.diff(prepend=recall.new_zeros(1))
    # Summed from the lowest threshold up, the order used for the recorded results.
    return float((steps * precision).flip(0).sum())


def roc_auc(positive: Tensor, negative: Tensor) -> float:
    """Area under the ROC curve over all scores at once; a tie counts as one half.

    Args:
        positive: Scores of true events, any shape; logits or probabilities.
        negative: Scores of negatives, any shape.

    Raises:
        GraphError: A score is NaN, or one side is empty.
    """
    true, false = (torch.nn.functional.pad(count, (1, 0)) for count in _above(positive, negative))
    return float(torch.trapezoid(true / true[-1], false / false[-1]))


def batch_mean(
    metric: Callable[[Tensor, Tensor], float],
    positive: Tensor,
    negative: Tensor,
    size: int = 32,
) -> float:
    """The mean of a metric over consecutive batches, as many published tables are computed.

    This is not the metric of the split: a score is compared only with scores of its own batch.
    Report it only under a name that states this (``ap_batch_mean_32``).

    Args:
        metric: :func:`average_precision` or :func:`roc_auc`.
        positive: ``[E]`` scores of true events, in stream order.
        negative: ``[E]`` or ``[E, K]`` scores of their negatives.
        size: Events per batch; the last batch may be smaller and has the same weight as the others.
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


def _above(positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """Number of positives and of negatives that reach each distinct score, highest score first.

    The counts are computed here instead of with a metrics library: the common ones load packages
    for images and text at import, and a broken one of these packages would make the metrics fail.

    Returns:
        Two int64 tensors ``[L]`` on the CPU for ``L`` distinct scores. Quotients of them are
        float32.
    """
    positive, negative = positive.detach().flatten(), negative.detach().flatten()
    for name, part in (("positive", positive), ("negative", negative)):
        if part.numel() == 0:
            raise GraphError(name, "there is nothing to score", expected="at least one score")
        refuse_nan(part, name)
    # Ranked among the distinct scores: a sigmoid would make large logits equal.
    distinct, level = torch.unique(torch.cat([positive, negative]), return_inverse=True)
    sides = level.split([positive.numel(), negative.numel()])
    true, false = (torch.bincount(side, minlength=distinct.numel()).cpu() for side in sides)
    return true.flip(0).cumsum(0), false.flip(0).cumsum(0)
