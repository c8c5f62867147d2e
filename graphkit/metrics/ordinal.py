"""Metrics for classes that have an order, with a fixed list of classes.

Scores and labels have the format of :mod:`graphkit.metrics.classification`.

Tri-P and Seq2HR, and weighted F1 and Top-2 of that module, are the measures of Kuang, Song and
Michoski (2024), arXiv 2408.15255. The authors' code drops the score columns of absent classes in
Top-2 and builds confusion matrices without a list of classes; here both always use all classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit import renamed
from graphkit.errors import GraphError
from graphkit.metrics.classification import check_scores, ranked_classes

__all__ = ["adjacency_rate", "seq2hr", "tri_p"]


def tri_p(scores: Tensor, y: Tensor) -> float:
    """Share of rows whose predicted class is at most one level away from the true class."""
    check_scores(scores, y)
    return float(((ranked_classes(scores, 1)[:, 0] - y).abs() <= 1).double().mean())


def seq2hr(scores: Tensor, y: Tensor) -> float:
    """Sequential top-2 hit rate: the two highest classes are adjacent and one is the true class."""
    first, second = _two(scores, y)
    hit = (first == y) | (second == y)
    return float((((first - second).abs() == 1) & hit).double().mean())


def adjacency_rate(scores: Tensor, y: Tensor | None = None) -> float:
    """Share of rows whose two highest classes are adjacent; with ``y``, the first must be true."""
    first, second = _two(scores, y)
    adjacent = (first - second).abs() == 1
    if y is not None:
        adjacent &= first == y
    return float(adjacent.double().mean())


def _two(scores: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    check_scores(scores, torch.zeros(len(scores), dtype=torch.int64) if y is None else y)
    if scores.shape[1] < 2:
        raise GraphError("scores", "two classes at least", got=list(scores.shape))
    best = ranked_classes(scores, 2)
    return best[:, 0], best[:, 1]


def __getattr__(name: str) -> Any:
    return renamed.forwarded(__name__, name)
