"""How the learning rate changes over a run: a factor that depends only on how far the run is."""

from __future__ import annotations

import math
from collections.abc import Callable

from graphkit.checks import check_choice
from graphkit.errors import GraphError

__all__ = ["Schedule", "make_schedule"]

Schedule = Callable[[float], float]
"""From epochs done to the factor of the learning rate; asked in the middle of every batch."""

_NAMES = ("constant", "cosine")


def make_schedule(name: str, epochs: int, warmup: float = 0.0) -> Schedule | None:
    r"""A schedule by name; ``None`` where the learning rate does not change.

    In the first ``warmup`` epochs the factor rises linearly from 0 to 1. ``"constant"`` stays
    there; ``"cosine"`` falls to 0 at the end of the last epoch,

    .. math::
        \frac{1}{2} \left( 1 + \cos \pi \frac{u - w}{E - w} \right)

    for :math:`u` epochs done of :math:`E`, :math:`w` of them warm-up.

    Args:
        name: ``"constant"`` or ``"cosine"``.
        epochs: Epochs of the run, if it is not stopped early.
        warmup: Epochs of warm-up, a fraction too.

    Raises:
        UnknownNameError: No such schedule.
        GraphError: The warm-up is negative or leaves nothing of the run.
    """
    check_choice(name, "schedule", _NAMES)
    if not 0 <= warmup < epochs:
        raise GraphError(
            "warmup", "out of range", expected=f"at least 0 and below epochs={epochs}", got=warmup
        )
    if name == "constant" and not warmup:
        return None

    def factor(done: float) -> float:
        if done < warmup:
            return done / warmup
        if name == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warmup) / (epochs - warmup))))

    return factor
