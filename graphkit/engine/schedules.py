"""Learning rate schedules: a factor that depends only on the number of epochs done."""

from __future__ import annotations

import math
from collections.abc import Callable

from graphkit.checks import check_choice
from graphkit.errors import GraphError

__all__ = ["Schedule", "make_schedule"]

Schedule = Callable[[float], float]
"""Maps the number of epochs done to a learning rate factor, at the midpoint of each batch."""

_NAMES = ("constant", "cosine")


def make_schedule(name: str, epochs: int, warmup: float = 0.0) -> Schedule | None:
    r"""Return a schedule by name, or ``None`` if the learning rate does not change.

    In the first ``warmup`` epochs the factor rises linearly from 0 to 1. Then ``"constant"`` keeps
    it at 1, and ``"cosine"`` decreases it to 0 at the end of the last epoch,

    .. math::
        \frac{1}{2} \left( 1 + \cos \pi \frac{u - w}{E - w} \right)

    for :math:`u` epochs done of :math:`E`, :math:`w` of them warm-up.

    Args:
        name: ``"constant"`` or ``"cosine"``.
        epochs: Number of epochs of the run without early stopping.
        warmup: Number of warm-up epochs; may be fractional.

    Raises:
        UnknownNameError: There is no such schedule.
        GraphError: The warm-up is negative, or not shorter than the run.
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
