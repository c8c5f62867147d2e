"""Counts of shared keys by comparing all of them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["co_occurrence_reference"]


def co_occurrence_reference(key: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The same by counting in lists: the slow truth that the tests compare with."""
    rows = key.tolist()

    def look(mine: list[int], theirs: list[int]) -> list[int]:
        return [theirs.count(k) if k >= 0 else 0 for k in mine]

    pairs = [(rows[a], rows[b]) for a, b in zip(u.tolist(), v.tolist(), strict=True)]
    shape = (u.numel(), key.shape[1])
    return (
        torch.tensor([look(a, b) for a, b in pairs], dtype=torch.int64).view(shape),
        torch.tensor([look(b, a) for a, b in pairs], dtype=torch.int64).view(shape),
    )
