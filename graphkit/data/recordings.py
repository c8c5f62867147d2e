"""Recordings of a signal: sessions, trials or clips that lie one after the other in its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit import renamed
from graphkit.data.inputs import as_features, as_tensor, first_row
from graphkit.errors import GraphError

__all__ = ["RecordingColumn", "as_recordings", "as_signal_recording", "recording_bounds"]

RecordingColumn = Tensor | np.ndarray
"""One value per recording: a tensor ``[P, ...]`` of numbers, or an array ``[P]`` of strings."""


def as_signal_recording(value: Any, steps: int) -> Tensor | None:
    """The recording of every row of a signal: int64 ``[T]``, never falling, from 0 on.

    Raises:
        GraphError: Not whole numbers, of another length, negative, or falling.
    """
    if value is None:
        return None
    recording = as_tensor(value, "signal_recording", own=True)
    if recording.dim() != 1 or recording.numel() != steps:
        raise GraphError(
            "signal_recording",
            "the number of rows differs",
            expected=f"shape [{steps}] as the rows of 'signal'",
            got=list(recording.shape),
            fix="Give every row of the signal the number of its recording.",
        )
    if recording.dtype == torch.bool or (
        recording.is_floating_point() and bool((recording != recording.floor()).any())
    ):
        raise GraphError(
            "signal_recording",
            "not numbers of recordings",
            expected="integers",
            got=str(recording.dtype).removeprefix("torch."),
            fix="Number the recordings 0, 1, 2, ... and name them in recordings=.",
        )
    recording = recording.to(torch.int64)
    if recording.numel() and int(recording[0]) < 0:
        raise GraphError(
            "signal_recording", "a recording is negative", row=0, expected="recordings from 0"
        )
    falls = recording[1:] < recording[:-1]
    if bool(falls.any()):
        row = first_row(falls) + 1
        raise GraphError(
            "signal_recording",
            "the rows of a recording do not lie together",
            row=row,
            expected=f"at least {int(recording[row - 1])}",
            got=int(recording[row]),
            fix="Put the rows of each recording one after the other, in increasing order.",
        )
    return recording.contiguous()


def as_recordings(
    value: Mapping[str, Any] | None, signal_recording: Tensor | None
) -> dict[str, RecordingColumn] | None:
    """Columns with one value per recording: numbers as tensors, text as read-only numpy strings.

    Raises:
        GraphError: There is no ``signal_recording``, a name is not an identifier, columns differ in
            length or are shorter than the recordings in ``signal_recording``, or values are neither
            numbers nor text.
    """
    if value is None:
        return None
    if signal_recording is None:
        raise GraphError(
            "recordings",
            "recordings are described, but not given",
            fix="Pass signal_recording=[T] too.",
        )
    if not isinstance(value, Mapping):
        raise GraphError(
            "recordings",
            "not understood",
            expected="a dict of columns, one value per recording",
            got=type(value).__name__,
        )
    columns: dict[str, RecordingColumn] = {}
    for name, column in value.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise GraphError(
                "recordings", "a column needs a name of letters, digits and _", got=repr(name)
            )
        columns[name] = _as_column(column, f"recordings.{name}")
    at_least = int(signal_recording[-1]) + 1 if signal_recording.numel() else 0
    lengths = {name: len(column) for name, column in columns.items()}
    first = next(iter(lengths.values()), at_least)
    for name, length in lengths.items():
        if length < at_least or length != first:
            raise GraphError(
                f"recordings.{name}",
                "the number of recordings differs",
                expected=f"{max(first, at_least)} values",
                got=length,
                fix="Give one value per recording.",
            )
    home = signal_recording.device
    return {n: c.to(home) if isinstance(c, Tensor) else c for n, c in columns.items()}


def recording_bounds(signal_recording: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
    """Recordings that have rows, in order, and the borders of these: int64 ``[K]``, ``[K + 1]``.

    Without recordings the whole signal is recording 0.
    """
    if signal_recording is None or steps == 0:
        return torch.zeros(1, dtype=torch.int64), torch.tensor([0, steps])
    recording, counts = signal_recording.unique_consecutive(return_counts=True)
    bounds = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return recording.cpu(), bounds.cpu()


def _as_column(value: Any, name: str) -> RecordingColumn:
    if isinstance(value, Tensor):
        return as_features(value.clone(), name, len(value) if value.dim() else 0, name)
    given = value.to_numpy() if hasattr(value, "to_numpy") else value
    if isinstance(given, str) or not hasattr(given, "__len__"):
        raise GraphError(name, "not a column", expected="one value per recording", got=repr(value))
    items = given if isinstance(given, np.ndarray) else list(given)
    texts = [isinstance(item, str) for item in items]
    if len(texts) and all(texts):
        column = np.array([str(item) for item in items])
        column.flags.writeable = False
        return column
    if any(texts):
        row = texts.index(not texts[0])
        raise GraphError(
            name, "numbers and text are mixed", row=row, got=repr(items[row]), fix="Use one kind."
        )
    column = as_tensor(items, name, own=True)
    return as_features(column, name, len(column) if column.dim() else 0, name)


def __getattr__(name: str) -> Any:
    return renamed.forwarded(__name__, name)
