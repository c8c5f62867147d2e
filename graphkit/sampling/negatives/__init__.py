"""Negative destinations: random, historical, inductive, or from fixed lists.

All kinds are created with ``create(name, graph=..., train=..., seed=...)`` and have

* ``sample(batch, num) -> int64 [B, num]``: a pure function of (seed, epoch, event id, column);
* ``reset(epoch=)``: sets the epoch; draws differ between epochs and are equal within one;
* ``pool``: a dict of plain values for the record of a result.
"""

from __future__ import annotations

from typing import Any

from graphkit.registry import get
from graphkit.sampling.negatives.dyglib import DyGLibNegatives
from graphkit.sampling.negatives.fixed import FixedNegatives
from graphkit.sampling.negatives.historical import HistoricalNegatives
from graphkit.sampling.negatives.inductive import InductiveNegatives
from graphkit.sampling.negatives.random import RandomNegatives
from graphkit.sampling.negatives.tgb import tgb_negatives

__all__ = [
    "DyGLibNegatives",
    "FixedNegatives",
    "HistoricalNegatives",
    "InductiveNegatives",
    "RandomNegatives",
    "create",
    "tgb_negatives",
]


def create(name: str, /, *args: Any, **settings: Any) -> Any:
    """Create negatives by name.

    Args:
        name: ``"random"``, ``"historical"``, ``"inductive"``, ``"fixed"``, or the name of a plug-in
            registered as ``"negatives"``.
        args, settings: Arguments of the class of that name.

    Raises:
        UnknownNameError: There is no such kind.
    """
    return get("negatives", name)(*args, **settings)
