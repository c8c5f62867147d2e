"""Conversion of windows or whole recordings of a signal to the input of a classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.data.scalers import Scaler, make_scaler
from graphkit.errors import GraphError

__all__ = ["SCALERS", "WindowInput"]

SCALERS = ("window", "standard", "minmax", "maxabs", "none")
"""Names of the scalers of windows."""


class WindowInput(nn.Module):
    """Prepares windows for a classifier: scaled, with 0 for missing readings.

    The parts fitted on the training subset are stored in buffers; everything else is in
    :meth:`settings`. Both together restore the preparation without the training data.

    Args:
        num_nodes: Number of nodes, N.
        in_channels: Number of channels, C.
        history: Number of rows of a window; ``None`` for recordings of any length.
        scaler: ``"window"`` subtracts the mean of each node in the window and divides the window by
            its standard deviation over all nodes, using no readings outside the window. The others
            (see :func:`~graphkit.data.scalers.make_scaler`) are fitted.
        scale_per: ``"all"``, ``"channel"``, ``"node"`` or ``"recording"``, for the other scalers.

    Raises:
        UnknownNameError: There is no such scaler.
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
        """Return the arguments of the constructor as JSON values."""
        return {
            "num_nodes": self.num_nodes,
            "in_channels": self.in_channels,
            "history": self.history,
            "scaler": self._scaler_name,
            "scale_per": None if self.scaler is None else self.scaler.per,
        }

    @property
    def scaler_name(self) -> str:
        """Description of the scaler and of ``scale_per``."""
        return self._scaler_name + (f", per {self.scaler.per}" if self.scaler is not None else "")

    def fit(
        self,
        signal: Tensor,
        mask: Tensor | None = None,
        rows: Tensor | None = None,
        recording: Tensor | None = None,
    ) -> None:
        """Fit the scaler; no effect for ``"window"``, which is not fitted.

        Args:
            signal: Readings ``[T, N, C]``.
            mask: Boolean mask of the valid readings, ``[T, N, C]``.
            rows: Boolean mask of the rows of the training subset, ``[T]``.
            recording: Recording of every row, int64 ``[T]``, for ``scale_per="recording"``.
        """
        if self.scaler is not None:
            self.scaler.fit(signal, mask, rows, recording)

    def x(self, readings: Tensor, mask: Tensor | None, recording: Tensor | None = None) -> Tensor:
        """Convert readings to model input.

        Args:
            readings: Readings in original units, ``[B, T, N, C]``.
            mask: Boolean mask of the valid readings, of the same shape; ``None`` if all are valid.
            recording: Number of the training recording of each window, int64 ``[B]``; used only for
                ``scale_per="recording"``.

        Raises:
            GraphError: The length or the numbers of nodes or channels differ from training, or the
                scale of a recording is unknown.
        """
        self._check(readings, recording)
        x = readings if readings.is_floating_point() else readings.float()
        if self.scaler is not None:
            x = self.scaler(x, recording if self.scaler.per == "recording" else None)
        else:
            mean = x.mean(1, keepdim=True)
            x = x - mean
            scale = x.square().mean((1, 2), keepdim=True).sqrt()
            # For constant readings the residual is the rounding error of the mean, not a signal.
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
