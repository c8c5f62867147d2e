"""Selection of the best epoch, and early stopping."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

__all__ = ["Selection", "copy_state"]


@dataclass
class Selection:
    """Selects the epoch with the best validation metric and stops when it no longer improves.

    Any improvement, however small, makes an epoch the selected one. The patience is reset only by
    an improvement of more than ``tolerance``, relative to the last value that reset it.

    Args:
        patience: Number of epochs without such an improvement before stopping; ``None`` never
            stops.
        tolerance: Minimum relative improvement that resets the patience.
        mean_window: Also stop when the metric is worse than its mean over the previous
            ``mean_window`` epochs, once ``settled`` epochs are done. Many full-batch models use
            this rule because their metric varies too much for patience.
        settled: Number of first epochs to which ``mean_window`` does not apply.
        mode: ``"max"`` if larger values are better; ``"min"`` if smaller values are, as for errors.
    """

    patience: int | None = 5
    tolerance: float = 1e-3
    mean_window: int | None = None
    settled: int = 0
    mode: str = "max"
    best_epoch: int | None = None
    best_value: float = -math.inf  # negated with mode="min", as the two values below
    reference: float = -math.inf
    waited: int = 0
    recent: list[float] = field(default_factory=list)
    declined: bool = False

    def update(self, epoch: int, value: float) -> bool:
        """Record the validation metric of an epoch; return whether to keep this epoch."""
        value = -value if self.mode == "min" else value  # larger is better from here on
        if self.mean_window is not None:
            before = self.recent[-self.mean_window :]
            if epoch >= self.settled and before:
                self.declined = value < math.fsum(before) / len(before)
            self.recent = [*before, value]
        needed = self.reference + self.tolerance * abs(self.reference)
        if self.reference == -math.inf or value > needed:
            self.reference, self.waited = value, 0
        else:
            self.waited += 1
        if self.best_epoch is not None and not value > self.best_value:
            return False
        self.best_epoch, self.best_value = epoch, value
        return True

    @property
    def exhausted(self) -> bool:
        """Whether the patience is exhausted or the metric is worse than its recent mean."""
        return self.declined or (self.patience is not None and self.waited >= self.patience)

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a checkpoint stores."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint; the settings keep their current values."""
        for name in ("best_epoch", "best_value", "reference", "waited", "recent", "declined"):
            if name in state:  # older checkpoints may lack the name
                setattr(self, name, state[name])


def copy_state(model: nn.Module, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Copy parameters and stream state, into the tensors of an earlier copy where they fit."""
    copy = {}
    for name, value in model.state_dict().items():
        old = None if into is None else into.get(name)
        fits = old is not None and old.shape == value.shape and old.dtype == value.dtype
        copy[name] = old.copy_(value) if fits else value.detach().clone()
    return copy
