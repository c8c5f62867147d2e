"""Which epoch to keep, and when to stop looking for a better one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

__all__ = ["Selection", "copy_state"]


@dataclass
class Selection:
    """Keeps the epoch with the best validation metric; stops when it no longer improves.

    The kept epoch is the best one, by however little. Patience is harder to please: it is renewed
    only by an improvement of more than ``tolerance``, relative to the last value that renewed it.

    Args:
        patience: Epochs without such an improvement before stopping; ``None`` never stops.
        tolerance: The smallest relative improvement that counts.
        mean_window: Also stop when the metric is worse than its mean over so many epochs before,
            once ``settled`` epochs are done: the rule of many full-batch models, whose metric
            wavers too much for patience.
        settled: Epochs that ``mean_window`` leaves alone.
        mode: ``"max"``: larger is better; ``"min"``: smaller is, as with errors.
    """

    patience: int | None = 5
    tolerance: float = 1e-3
    mean_window: int | None = None
    settled: int = 0
    mode: str = "max"
    best_epoch: int | None = None
    best_value: float = -math.inf  # with mode="min", as the two below, the negative
    reference: float = -math.inf
    waited: int = 0
    recent: list[float] = field(default_factory=list)
    declined: bool = False

    def update(self, epoch: int, value: float) -> bool:
        """Take an epoch's validation metric; true if this epoch is to be kept."""
        value = -value if self.mode == "min" else value  # from here on larger is better
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
        """Whether patience has run out, or the metric has fallen below its recent mean."""
        return self.declined or (self.patience is not None and self.waited >= self.patience)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where a checkpoint left off; what was set stays as it is now."""
        for name in ("best_epoch", "best_value", "reference", "waited", "recent", "declined"):
            if name in state:  # a checkpoint may be older than the name
                setattr(self, name, state[name])


def copy_state(model: nn.Module, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """A copy of parameters and stream state, in the tensors of an earlier copy where they fit."""
    copy = {}
    for name, value in model.state_dict().items():
        old = None if into is None else into.get(name)
        fits = old is not None and old.shape == value.shape and old.dtype == value.dtype
        copy[name] = old.copy_(value) if fits else value.detach().clone()
    return copy
