"""The curves of a run, and the weights and metrics of its best epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from graphkit.engine.selection import Selection
from graphkit.errors import GraphError
from graphkit.protocols import Task
from graphkit.tasks.answer import Answer

__all__ = ["Kept", "check_loss", "figures", "kept_for"]


@dataclass
class Kept:
    """The curves of a run, and the epoch with the best validation metric.

    Attributes:
        selection: Rule that selects the best epoch and stops the run.
        metric: Name of the validation metric that selects the epoch.
        state: Weights and state of the best epoch.
        val: Validation metrics of the best epoch.
        curves: ``train_loss``, ``val_loss`` and the selection metric, one value per epoch.
    """

    selection: Selection
    metric: str
    state: dict[str, Tensor] | None = None
    val: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)

    def update(
        self,
        epoch: int,
        loss: float | None,
        val: dict[str, float],
        copy: Callable[[dict[str, Tensor] | None], dict[str, Tensor]],
    ) -> bool:
        """Record the results of an epoch.

        Args:
            epoch: Number of the epoch, counted from 0.
            loss: Training loss, ``None`` without training.
            val: Validation metrics. If there are none, the last epoch is kept.
            copy: ``copy(into)`` copies the state, into the tensors of an earlier copy if given.

        Returns:
            Whether the epoch is the best one so far.
        """
        if loss is not None:
            self.curves.setdefault("train_loss", []).append(loss)
        for key in ("loss", self.metric):
            if key in val:
                self.curves.setdefault(f"val_{key}", []).append(val[key])
        if val:
            best = self.selection.update(epoch, val[self.metric])
        else:
            self.selection.best_epoch, best = epoch, True
        if best:
            self.state = copy(self.state)
            self.val = {k: v for k, v in val.items() if k != "loss"}
        return best


def kept_for(
    task: Task,
    epochs: int,
    patience: int | None,
    tolerance: float,
    mean_window: int | None,
) -> Kept:
    """Return an empty record for a run of a task; arguments as for :func:`graphkit.fit`."""
    selection = Selection(
        patience,
        tolerance,
        mean_window,
        settled=epochs // 2,
        mode=getattr(task, "selection_mode", "max"),
    )
    return Kept(selection, task.selection)


def figures(
    task: Task, answer: Answer | None, split: str, *, final: bool, loss: bool
) -> dict[str, float]:
    """Metrics of the answers to a split; with ``loss``, also their mean loss as ``"loss"``."""
    if answer is None:
        return {}
    found = task.metrics(answer, split, final=final)
    if loss:
        found["loss"] = float(task.loss(answer, len(answer)))
    return found


def check_loss(loss: float, epoch: int, **where: Any) -> None:
    """Raise if a loss is not finite.

    Raises:
        GraphError: The loss is NaN or infinite after an epoch (counted from 0).
    """
    if math.isfinite(loss):
        return
    place = "".join(f" of {name} {value}" for name, value in where.items())
    raise GraphError(
        "loss",
        f"it is {loss} after epoch {epoch + 1}{place}",
        expected="a finite number",
        fix="Lower lr, or give clip_norm.",
    )
