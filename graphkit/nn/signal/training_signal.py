"""What a model of signals may look at while it is built."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["TrainingSignal"]


class TrainingSignal(NamedTuple):
    """The rows of the training subset, as ``task.training_signal()`` gives them.

    Attributes:
        x: ``[R, N, C]``, scaled, 0 where missing.
        mask: bool ``[R, N, C]``, or ``None`` if everything was observed.
        covariates: ``[R, K]``.
        start: int64 ``[W]``, the first row of every training window.
        day: int64 ``[R]``, the calendar day of every row; ``None`` without a clock.
    """

    x: Tensor
    mask: Tensor | None
    covariates: Tensor
    start: Tensor
    day: Tensor | None = None
