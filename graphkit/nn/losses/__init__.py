"""Losses for classes that have an order."""

from graphkit.nn.losses.earth_mover import earth_mover_loss
from graphkit.nn.losses.levels import check_levels
from graphkit.nn.losses.ordinal import OrdinalSmoothing, ordinal_loss, ordinal_smooth

__all__ = ["OrdinalSmoothing", "check_levels", "earth_mover_loss", "ordinal_loss", "ordinal_smooth"]
