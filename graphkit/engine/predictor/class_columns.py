"""Classes by name, and the probability of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

__all__ = ["class_columns", "class_names_of"]


def class_columns(logits: Tensor, names: Sequence[Any]) -> dict[str, np.ndarray]:
    """Columns of a table of answers.

    Args:
        logits: ``[Q, C]``.
        names: Of the C classes.

    Returns:
        ``"class"``, the name of the class with the largest logit (of equal ones the first), and
        ``"probability_<name>"`` for each class.
    """
    shares = logits.float().softmax(dim=1).cpu()
    guess = logits.argmax(dim=1).tolist()
    kind = np.int64 if all(type(name) is int for name in names) else object
    found = {"class": np.array([names[i] for i in guess], dtype=kind)}
    return found | {f"probability_{name}": shares[:, i].numpy() for i, name in enumerate(names)}


def class_names_of(graph: Any, key: str, num_classes: int) -> list[Any]:
    """Names of a graph's classes, ``"y"`` or ``"edge_y"``; their numbers where they have none."""
    names = graph.class_names.get(key)
    return list(range(num_classes) if names is None else names[:num_classes])
