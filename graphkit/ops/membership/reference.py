"""Membership by comparing all keys."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["membership_reference"]


def membership_reference(u: Tensor, v: Tensor, num_slots: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The same by looking through sets, row by row: the slow truth that the tests compare with."""
    m1, _ = num_slots

    def look(mine: list[int], theirs: list[int]) -> list[int]:
        hops = ({theirs[0]}, set(theirs[1 : 1 + m1]), set(theirs[1 + m1 :]))
        return [sum((key in hop) << k for k, hop in enumerate(hops)) * (key >= 0) for key in mine]

    pairs = list(zip(u.tolist(), v.tolist(), strict=True))
    return (
        torch.tensor([look(a, b) for a, b in pairs], dtype=torch.uint8).view(u.shape),
        torch.tensor([look(b, a) for a, b in pairs], dtype=torch.uint8).view(u.shape),
    )
