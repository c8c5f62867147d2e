"""Candidates and the best of them, as a table by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from graphkit.data.labels import Labels
from graphkit.errors import GraphError

__all__ = ["as_list", "best", "check_names", "ranked_table", "with_new_ids"]


def best(candidates: Tensor, scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` candidates with the highest scores, best first; of equal ones the first given.

    Args:
        candidates: ``[C]``.
        scores: ``[C]``.
        k: How many, at most.

    Raises:
        GraphError: A score is NaN.
    """
    if bool(scores.isnan().any()):
        raise GraphError(
            "score",
            "the model gives NaN",
            got=f"{int(scores.isnan().sum())} of {len(scores)} scores",
            fix="Train with a lower lr; or go back to a state that was saved before.",
        )
    place = scores.sort(descending=True, stable=True).indices[:k]
    return candidates[place], scores[place]


def ranked_table(
    names: tuple[str, str],
    asked: Sequence[Any],
    found: Sequence[tuple[Tensor, Tensor]],
    labels: Labels,
) -> pd.DataFrame:
    """Recommendations as a table.

    Args:
        names: Names of the columns of sources and of destinations.
        asked: Labels of the sources.
        found: For each of them ids and scores of its destinations, best first.
        labels: Of the nodes.

    Returns:
        One row per recommendation: source, ``rank`` from 1, destination, ``score`` and
        ``probability``.
    """
    scores = torch.cat([score for _, score in found]).float() if found else torch.empty(0)
    sizes = [len(ids) for ids, _ in found]
    check_names(names, ("rank", "score", "probability"))
    columns = {
        names[0]: [label for label, size in zip(asked, sizes) for _ in range(size)],
        "rank": [rank for size in sizes for rank in range(1, size + 1)],
        names[1]: [label for ids, _ in found for label in labels.labels(ids)],
        "score": scores.numpy(),
        "probability": scores.sigmoid().numpy(),
    }
    return pd.DataFrame(columns)


def check_names(asked: Iterable[Any], added: Iterable[Any]) -> None:
    """Refuse a table whose columns are called as those that an answer adds.

    Args:
        asked: Names of the columns that say what is asked.
        added: Names of the columns of the answer.

    Raises:
        GraphError: A name is in both.
    """
    both = [name for name in asked if name in set(added)]
    if both:
        raise GraphError(
            str(both[0]),
            "a column of the answer has this name too",
            fix="Rename the column in the table that the graph is built from.",
        )


def with_new_ids(known: Tensor, ids: Tensor) -> Tensor:
    """Sorted distinct ids and those of ``ids`` that are not among them yet."""
    ids = ids.unique()
    if len(known) and len(ids):
        place = torch.searchsorted(known, ids).clamp_(max=len(known) - 1)
        ids = ids[known[place] != ids]
    return torch.cat([known, ids]).sort().values if len(ids) else known


def as_list(values: Any) -> list[Any]:
    """One label, or several, as a list.

    Raises:
        GraphError: A table is given.
    """
    if isinstance(values, (pd.DataFrame, Mapping)):
        raise GraphError(
            "nodes",
            "a table is given",
            expected="labels of nodes",
            got=type(values).__name__,
            fix="Pass its index, or its column of labels.",
        )
    if isinstance(values, (str, bytes, tuple)) or not hasattr(values, "__iter__"):
        return [values]
    return values.tolist() if hasattr(values, "tolist") else list(values)
