"""Losses for classes that have an order."""

from graphkit.nn.losses.ordinal import (
    OrdinalSmoothing,
    earth_mover_loss,
    ordinal_loss,
    ordinal_smooth,
)

__all__ = [
    "OrdinalSmoothing",
    "earth_mover_loss",
    "ordinal_loss",
    "ordinal_smooth",
]
