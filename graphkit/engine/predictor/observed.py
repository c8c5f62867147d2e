"""What a predictor took in."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Observed"]


class Observed(NamedTuple):
    """What ``observe`` took in.

    Attributes:
        events: Number of events.
        new_nodes: Labels of the nodes that were new, in the order of their ids.
        dropped: Number of events that were left out because they came too late.
        closed: Number of steps that were closed by a later event; 0 where there are no steps.
    """

    events: int
    new_nodes: tuple[Any, ...]
    dropped: int = 0
    closed: int = 0
