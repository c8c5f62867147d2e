"""Rows of a signal, without the graph."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["Readings"]


class Readings(NamedTuple):
    """Readings of all nodes, rows in order of time.

    Attributes:
        t: Increasing times in ticks, ``[T]``.
        values: ``[T, N, C]``; 0 where a reading is missing.
        mask: bool ``[T, N, C]``, true where there is a reading.
    """

    t: Tensor
    values: Tensor
    mask: Tensor
