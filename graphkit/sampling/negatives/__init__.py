"""Negative destinations: random, historical, inductive, or from fixed lists.

All kinds are made with ``create(name, graph=..., train=..., seed=...)`` and have

* ``sample(batch, num) -> int64 [B, num]``: a pure function of (seed, epoch, event id, column);
* ``reset(epoch=)``: other draws in another epoch, the same ones in the same;
* ``pool``: a dict of plain values for the record of a result.
"""

from __future__ import annotations

from typing import Any

from graphkit.registry import get
from graphkit.sampling.negatives.fixed import FixedNegatives
from graphkit.sampling.negatives.historical import HistoricalNegatives
from graphkit.sampling.negatives.inductive import InductiveNegatives
from graphkit.sampling.negatives.random import RandomNegatives

__all__ = [
    "FixedNegatives",
    "HistoricalNegatives",
    "InductiveNegatives",
    "RandomNegatives",
    "create",
]


def create(name: str, /, *args: Any, **settings: Any) -> Any:
    """Negatives by name.

    Args:
        name: ``"random"``, ``"historical"``, ``"inductive"``, ``"fixed"``, or what a plug-in has
            registered as ``"negatives"``.
        args, settings: see the class of that name.

    Raises:
        UnknownNameError: if there is no such kind.
    """
    return get("negatives", name)(*args, **settings)
