"""Conversion of windows or whole recordings of a signal to the input of a classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice, check_count
from graphkit.data.interpolate import interpolate
from graphkit.data.scalers import Scaler, make_scaler
from graphkit.errors import GraphError

__all__ = ["MISSING", "SCALERS", "WindowInput"]

SCALERS = ("window", "standard", "minmax", "maxabs", "none")
"""Names of the scalers of windows."""

MISSING = ("interpolate", "zero", "raise")
"""Names of the ways to handle missing readings."""


class WindowInput(nn.Module):
    """Prepares windows for a classifier: scaled by the present readings, then filled.

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
        missing: Handling of missing readings. ``"interpolate"`` interpolates linearly between the
            previous and the next reading of the same node and channel in the window, and repeats
            the nearest reading at either end. ``"zero"`` inserts 0 after scaling, which is the
            mean. ``"raise"`` raises an error. A series without any reading in a window is 0.
        max_gap: Maximum number of consecutive missing readings that are interpolated; longer gaps
            are 0 after scaling. ``None`` for no limit.

    Raises:
        UnknownNameError: There is no such scaler, or ``missing`` is unknown.
    """

    def __init__(
        self,
        num_nodes: int,
        in_channels: int,
        *,
        history: int | None = None,
        scaler: str = "window",
        scale_per: str | None = None,
        missing: str = "interpolate",
        max_gap: int | None = None,
    ) -> None:
        super().__init__()
        check_choice(scaler, "scaler", SCALERS)
        self.missing = check_choice(missing, "missing", MISSING)
        self.max_gap = None if max_gap is None else check_count(max_gap, "max_gap")
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
            "missing": self.missing,
            "max_gap": self.max_gap,
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

    def prepare(
        self, readings: Tensor, mask: Tensor | None, recording: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Convert readings to model input, and return it with its mask.

        Args:
            readings: Readings in original units, ``[B, T, N, C]``. Values where ``mask`` is false
                have no influence.
            mask: Boolean mask of the valid readings, of the same shape; ``None`` if all are valid.
                Rows without any reading at the end of a window are padding and stay 0.
            recording: Number of the training recording of each window, int64 ``[B]``; used only for
                ``scale_per="recording"``.

        Returns:
            Scaled readings, with 0 for readings that are still missing, and the mask of the present
            and interpolated readings, which is ``None`` if ``mask`` is ``None``.

        Raises:
            GraphError: The length or the numbers of nodes or channels differ from training, the
                scale of a recording is unknown, or a reading is missing with ``missing="raise"``.
        """
        self._check(readings, recording)
        x = readings if readings.is_floating_point() else readings.float()
        inside = None
        if mask is not None:
            x, mask = torch.where(mask, x, 0), mask.expand_as(x)
            inside = mask.flatten(2).any(2).flip(1).cummax(1).values.flip(1)
            if self.missing == "raise":
                self._refuse(mask, inside)
        if self.scaler is None:
            x = _by_window(x, mask)
        else:
            x = self.scaler(x, recording if self.scaler.per == "recording" else None)
        if mask is None:
            return x, None
        if self.missing == "interpolate":
            return interpolate(x, mask, self.max_gap, inside)
        return x.masked_fill(~mask, 0), mask

    def _refuse(self, mask: Tensor, inside: Tensor) -> None:
        lost = ~mask & inside[..., None, None]
        if bool(lost.any()):
            window, row, node, channel = lost.nonzero()[0].tolist()
            raise GraphError(
                "signal",
                f"a reading of node {node}, channel {channel} is missing in window {window}",
                row=row,
                fix="missing='interpolate' fills in readings, missing='zero' takes the mean.",
            )

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


def _by_window(x: Tensor, mask: Tensor | None) -> Tensor:
    """Subtract the mean of each node in a window, and divide the window by its standard deviation
    over all nodes, both computed from the present readings."""
    if mask is None:
        mean = x.mean(1, keepdim=True)
        x = x - mean
        scale = x.square().mean((1, 2), keepdim=True).sqrt()
    else:
        mean = x.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
        x = torch.where(mask, x - mean, 0)
        count = mask.sum((1, 2), keepdim=True).clamp(min=1)
        scale = (x.square().sum((1, 2), keepdim=True) / count).sqrt()
    # For constant readings the residual is the rounding error of the mean, not a signal.
    rounding = 4 * torch.finfo(x.dtype).eps * mean.abs().amax((1, 2), keepdim=True)
    return x / torch.where(scale > rounding, scale, 1.0).clamp_min(1e-12)
