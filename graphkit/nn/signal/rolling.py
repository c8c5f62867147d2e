"""Forecasting as readings come in: a model that can step is stepped, another gets its window."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError

__all__ = ["Rolling"]


class Rolling:
    """A model that is told one reading after the other and forecasts after each.

    A model with ``step`` keeps its state and does the work of one step per reading; it knows all
    readings since the beginning. Any other model is called with the last ``in_steps`` readings.
    Either way memory does not grow. Readings and forecasts are in scaled units, as for the model
    itself.

    Args:
        model: A forecaster of :mod:`graphkit.models.signal`; used in evaluation mode.
        in_steps: Readings of a window, for a model that cannot step.
        step: Whether to step a model that can.

    Example:
        >>> live = Rolling(model, in_steps=12)
        >>> for x in readings:  # [N, C] each
        ...     forecast = live.push(x)  # [T, N, C'], or None as long as the window is not full
    """

    def __init__(self, model: nn.Module, in_steps: int, *, step: bool = True) -> None:
        if in_steps < 1:
            raise GraphError("in_steps", "not a number of readings", expected=">= 1", got=in_steps)
        self.model, self.in_steps = model, in_steps
        self.steps = step and hasattr(model, "step")
        self.reset()

    def reset(self) -> None:
        """Reset the state by removing all readings."""
        self._state: Any = None
        self._seen = 0
        self._rows: list[tuple[Tensor, Tensor | None, Tensor | None]] = []

    @torch.no_grad()
    def push(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor | None:
        """Take the readings of one time and forecast what follows.

        Args:
            x: ``[N, C]``, scaled, 0 where missing.
            covariates: ``[1 + ahead, K]``: of this time first, then of those ahead, for models that
                look at them.
            mask: bool ``[N, C]``, what was observed.

        Returns:
            ``[T, N, C']``; ``None`` as long as there are fewer readings than ``in_steps``.
        """
        self.model.eval()
        self._seen += 1
        if self.steps:
            known = None if covariates is None else covariates[:1]
            told = None if mask is None else mask.unsqueeze(0)
            out, self._state = self.model.step(x.unsqueeze(0), self._state, known, told)
            return out[0] if self._seen >= self.in_steps else None
        self._rows = [*self._rows, (x, covariates, mask)][-self.in_steps :]
        if len(self._rows) < self.in_steps:
            return None
        xs, times, masks = zip(*self._rows)
        known = None
        if covariates is not None:
            known = torch.cat([torch.stack([c[0] for c in times]), covariates[1:]]).unsqueeze(0)
        told = None
        if any(m is not None for m in masks):
            told = torch.stack(
                [
                    torch.ones_like(v, dtype=torch.bool) if m is None else m
                    for v, m in zip(xs, masks)
                ]
            ).unsqueeze(0)
        return self.model(torch.stack(xs).unsqueeze(0), known, told)[0]
