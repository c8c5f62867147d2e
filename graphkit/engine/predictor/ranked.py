"""Selection of the best candidates, and tables of recommendations by label."""

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
    """Return the ``k`` candidates with the highest scores, best first, ties in the given order.

    Args:
        candidates: Ids of the candidates, ``[C]``.
        scores: Scores of the candidates, ``[C]``.
        k: Maximum number of candidates to return.

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
    """Create a table of recommendations.

    Args:
        names: Names of the source column and of the destination column.
        asked: Labels of the sources.
        found: Ids and scores of the destinations of each source, best first.
        labels: Labels of the nodes.

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
    """Raise if a column of a table has the name of a column that is added to the result.

    Args:
        asked: Names of the columns that identify the queries.
        added: Names of the columns that are added.

    Raises:
        GraphError: A name occurs in both.
    """
    both = [name for name in asked if name in set(added)]
    if both:
        raise GraphError(
            str(both[0]),
            "a column of the answer has this name too",
            fix="Rename the column in the table that the graph is built from.",
        )


def with_new_ids(known: Tensor, ids: Tensor) -> Tensor:
    """Return the sorted union of sorted distinct ids and of ``ids``."""
    ids = ids.unique()
    if len(known) and len(ids):
        place = torch.searchsorted(known, ids).clamp_(max=len(known) - 1)
        ids = ids[known[place] != ids]
    return torch.cat([known, ids]).sort().values if len(ids) else known


def as_list(values: Any) -> list[Any]:
    """Convert one label or several labels to a list.

    Raises:
        GraphError: The value is a table.
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
