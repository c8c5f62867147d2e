"""Return value of ``Predictor.observe``."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Observed"]


class Observed(NamedTuple):
    """Summary of the events processed by ``observe``.

    Attributes:
        events: Number of observed events.
        new_nodes: Labels of new nodes, in the order of their ids.
        dropped: Number of events that were dropped because they were late.
        closed: Number of steps that were closed by a later event; 0 for predictors without steps.
    """

    events: int
    new_nodes: tuple[Any, ...]
    dropped: int = 0
    closed: int = 0
