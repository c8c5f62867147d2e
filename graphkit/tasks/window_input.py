"""From windows or whole recordings of a signal to what a classifier of them is given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.data.scalers import Scaler, make_scaler
from graphkit.errors import GraphError

__all__ = ["SCALERS", "WindowInput"]

SCALERS = ("window", "standard", "minmax", "maxabs", "none")
"""How windows can be scaled."""


class WindowInput(nn.Module):
    """Prepares windows for a classifier: scaled, 0 where a reading is missing.

    What was fitted to the training subset lies in buffers; everything else is in :meth:`settings`.
    Both together make the preparation again, without the training data.

    Args:
        num_nodes: N.
        in_channels: C.
        history: Rows of a window; ``None`` for recordings of any length.
        scaler: ``"window"`` takes each node's mean off a window and divides the window by its
            standard deviation over all nodes: nothing outside the window is looked at. The others
            (see :func:`~graphkit.data.scalers.make_scaler`) are fitted.
        scale_per: ``"all"``, ``"channel"``, ``"node"`` or ``"recording"``, of the other scalers.

    Raises:
        UnknownNameError: No such scaler.
    """

    def __init__(
        self,
        num_nodes: int,
        in_channels: int,
        *,
        history: int | None = None,
        scaler: str = "window",
        scale_per: str | None = None,
    ) -> None:
        super().__init__()
        check_choice(scaler, "scaler", SCALERS)
        self.num_nodes, self.in_channels = int(num_nodes), int(in_channels)
        self.history = None if history is None else int(history)
        self._scaler_name = scaler
        self.scaler: Scaler | None = None
        if scaler != "window":
            self.scaler = make_scaler(scaler, scale_per)

    def settings(self) -> dict[str, Any]:
        """The arguments of the constructor, as values that JSON holds."""
        return {
            "num_nodes": self.num_nodes,
            "in_channels": self.in_channels,
            "history": self.history,
            "scaler": self._scaler_name,
            "scale_per": None if self.scaler is None else self.scaler.per,
        }

    @property
    def scaler_name(self) -> str:
        """The scaler and what it is taken of, in words."""
        return self._scaler_name + (f", per {self.scaler.per}" if self.scaler is not None else "")

    def fit(
        self,
        signal: Tensor,
        mask: Tensor | None = None,
        rows: Tensor | None = None,
        recording: Tensor | None = None,
    ) -> None:
        """Fit the scaler, if it is one that is fitted.

        Args:
            signal: Readings ``[T, N, C]``.
            mask: bool, where they are valid.
            rows: bool ``[T]``, the rows of the training subset.
            recording: int64 ``[T]``, the recording of every row; for ``scale_per="recording"``.
        """
        if self.scaler is not None:
            self.scaler.fit(signal, mask, rows, recording)

    def x(self, readings: Tensor, mask: Tensor | None, recording: Tensor | None = None) -> Tensor:
        """Readings as a model is given them.

        Args:
            readings: ``[B, T, N, C]``, in original units.
            mask: bool, of the same shape: where they are valid; ``None`` for everywhere.
            recording: int64 ``[B]``, the recording of each window, by its number in training; read
                for ``scale_per="recording"`` only.

        Raises:
            GraphError: They are of another length, other nodes or other channels than in training,
                or of a recording whose scale is not known.
        """
        self._check(readings, recording)
        x = readings if readings.is_floating_point() else readings.float()
        if self.scaler is not None:
            x = self.scaler(x, recording if self.scaler.per == "recording" else None)
        else:
            mean = x.mean(1, keepdim=True)
            x = x - mean
            scale = x.square().mean((1, 2), keepdim=True).sqrt()
            # Of constant readings, the rounding of the mean, which is no signal.
            rounding = 4 * torch.finfo(x.dtype).eps * mean.abs().amax((1, 2), keepdim=True)
            x = x / torch.where(scale > rounding, scale, 1.0).clamp_min(1e-12)
        return x if mask is None else x.masked_fill(~mask, 0)

    def _check(self, readings: Tensor, recording: Tensor | None) -> None:
        rows = readings.shape[1] if self.history is None else self.history
        if readings.shape[1:] != (rows, self.num_nodes, self.in_channels):
            length = "T" if self.history is None else self.history
            raise GraphError(
                "signal",
                "these are not the rows, nodes and channels of training",
                expected=f"[B, {length}, {self.num_nodes}, {self.in_channels}]",
                got=list(readings.shape),
            )
        if self.scaler is None or self.scaler.per != "recording":
            return
        known = self.scaler.scale.shape[0]
        if recording is None or bool(((recording < 0) | (recording >= known)).any()):
            raise GraphError(
                "scale_per",
                "scale_per='recording' has no scale for a recording that the data of training lack",
                expected="recordings of the graph that the task was made of",
                fix="Train with scaler='window' or scale_per='channel'.",
            )
