"""From windows or whole recordings of a signal to what a classifier of them is given."""

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
"""How windows can be scaled."""

MISSING = ("interpolate", "zero", "raise")
"""What models can be given where readings are missing."""


class WindowInput(nn.Module):
    """Prepares windows for a classifier: scaled by the readings that are there, then filled in.

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
        missing: What a model is given where a reading is missing. ``"interpolate"``: a value
            between the readings of the same node and channel before and after it in the window (the
            nearest one at either end). ``"zero"``: 0 after scaling, which is the mean. ``"raise"``:
            nothing, missing readings are refused. A series without any reading in a window is 0.
        max_gap: Longest run of missing readings that is interpolated, in rows; longer ones are 0
            after scaling. ``None`` for any.

    Raises:
        UnknownNameError: No such scaler, or no such way to fill in.
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
        """The arguments of the constructor, as values that JSON holds."""
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

    def prepare(
        self, readings: Tensor, mask: Tensor | None, recording: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Readings as a model is given them, and where there is one.

        Args:
            readings: ``[B, T, N, C]``, in original units. Values where ``mask`` is false are not
                read.
            mask: bool, of the same shape: where they are valid; ``None`` for everywhere. Rows at
                the end of a window without any reading are padding and stay 0.
            recording: int64 ``[B]``, the recording of each window, by its number in training; read
                for ``scale_per="recording"`` only.

        Returns:
            Scaled readings, 0 where still missing, and the mask of those that are there or were
            interpolated; ``None`` if ``mask`` is.

        Raises:
            GraphError: They are of another length, other nodes or other channels than in training,
                of a recording whose scale is not known, or one is missing with ``missing="raise"``.
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
    """Each node's mean taken off a window, and the window divided by its standard deviation over
    all nodes, of the readings that are there."""
    if mask is None:
        mean = x.mean(1, keepdim=True)
        x = x - mean
        scale = x.square().mean((1, 2), keepdim=True).sqrt()
    else:
        mean = x.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
        x = torch.where(mask, x - mean, 0)
        count = mask.sum((1, 2), keepdim=True).clamp(min=1)
        scale = (x.square().sum((1, 2), keepdim=True) / count).sqrt()
    # Of constant readings, the rounding of the mean, which is no signal.
    rounding = 4 * torch.finfo(x.dtype).eps * mean.abs().amax((1, 2), keepdim=True)
    return x / torch.where(scale > rounding, scale, 1.0).clamp_min(1e-12)
