"""Replacement of the ratings of a clip by different people with the most frequent rating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["modal_labels"]


def modal_labels(labels: Tensor, clip: Sequence[Any], train: Tensor) -> Tensor:
    """Give each training recording the most frequent label of its clip.

    Only training recordings are counted and changed: labels of validation and test subjects have no
    influence (Kuang et al. 2024, arXiv 2408.15255, subject-independent training). Ties are resolved
    to the lowest label (our choice).

    Args:
        labels: Class of every recording, int64 ``[P]``.
        clip: Clip of every recording, ``[P]``.
        train: Numbers of the training recordings.

    Returns:
        The corrected classes, int64 ``[P]``.

    Raises:
        GraphError: Lengths differ.
    """
    if len(clip) != len(labels):
        raise GraphError("clip", "one for each recording", expected=len(labels), got=len(clip))
    known = {value: i for i, value in enumerate(dict.fromkeys(clip))}
    number = torch.tensor([known[value] for value in clip])
    counts = torch.zeros(len(known), int(labels.max()) + 1, dtype=torch.int64)
    counts.index_put_((number[train], labels[train]), torch.ones_like(train), accumulate=True)
    corrected = labels.clone()
    corrected[train] = counts.argmax(1)[number[train]]  # the first of ties
    return corrected
