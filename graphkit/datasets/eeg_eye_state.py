"""EEG Eye State: one person for two minutes, eyes open or closed, 14 electrodes (ARFF)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.datasets.files import BROKEN, mend, open_data
from graphkit.datasets.lookup import locate
from graphkit.datasets.recordings import (
    bandpass,
    interpolate_channels,
    pick_channels,
    recording_graph,
    rereference,
)
from graphkit.datasets.source import Source
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["SOURCE", "eeg_eye_state"]

RATE = 128.0
_ROWS = 14_980
_OUTLIERS = ("interpolate", "keep", "mask")

SOURCE = Source(
    name="eeg_eye_state",
    title="EEG of one person with eyes open or closed (UCI 264).",
    file="EEG Eye State.arff",
    urls=(
        "https://archive.ics.uci.edu/ml/machine-learning-databases/00264/EEG%20Eye%20State.arff",
    ),
    home="https://archive.ics.uci.edu/dataset/264/eeg+eye+state",
    licence="CC BY 4.0.",
    citation="Rösler: EEG Eye State. UCI Machine Learning Repository, 2013, doi 10.24432/C57G7J.",
    num_nodes=14,
    notes="No events. signal: 14,980 readings at 128 Hz of the 14 electrodes of an Emotiv EPOC, in "
    "microvolts with an offset of about 4,200. recordings: stretches in which the state stays the "
    "same; y 0 open, 1 closed. A handful of readings are gross outliers (up to 715,897); "
    "see outliers=.",
)


@register("dataset", "eeg_eye_state")
def eeg_eye_state(
    root: str | Path | None = None,
    *,
    outliers: str = "interpolate",
    limit: float = 500.0,
    band: tuple[float, float] | None = None,
    reference: str | None = None,
    channels: list[str] | None = None,
    bad_channels: Sequence[str] = (),
    download: bool = True,
    timeout: float = 10.0,
    progress: bool = True,
    strict: bool = False,
) -> TemporalGraph:
    """EEG of one person with eyes open or closed (UCI 264).

    14,980 readings of 14 electrodes at 128 Hz (117 s), CC BY 4.0. The rows are in order of time, so
    windows drawn at random for the test overlap with training; split by blocks of time.

    Args:
        root: File, or folder searched first (recursively).
        outliers: What happens to a row with a reading further than ``limit`` from the median of
            its electrode (a fault of the headset; four rows): ``"interpolate"`` draws a straight
            line between the rows around it, ``"mask"`` marks it as missing in ``signal_mask``,
            ``"keep"`` leaves it as it is.
        limit: In microvolts.
        band: Band-pass in hertz, over the whole recording; ``None`` for none.
        reference: ``"average"`` or ``"laplacian"``, of all 14 electrodes, see
            :func:`~graphkit.datasets.recordings.rereference`; ``None`` for that of the recording.
        channels: Electrodes; all 14 if ``None``.
        bad_channels: Electrodes whose readings are replaced by those of the others, see
            :func:`~graphkit.datasets.recordings.interpolate_channels`.
        download: Get the official file if it is nowhere at hand.
        timeout: Seconds to wait for a connection, and for more bytes.
        progress: Show a progress bar while downloading.
        strict: Raise if the file has not the published number of rows.

    Returns:
        Signal ``[T, N, 1]``, recordings ``y``, ``recording``, ``subject`` and ``clip``.

    Raises:
        MissingPackageError: ``reference="laplacian"`` without mne; the message names the extra.
        GraphError: The file is not the ARFF file of UCI, or a setting is out of range.
        UnknownNameError: No such way with outliers, or no such reference.
    """
    check_choice(outliers, "outliers", _OUTLIERS)
    if outliers == "mask" and band is not None:
        raise GraphError("outliers", "a filter spreads outliers", fix="Interpolate them instead.")
    path = locate(SOURCE, root=root, download=download, timeout=timeout, progress=progress)
    names, table = _read(path)
    if strict and len(table) != _ROWS:
        raise GraphError(path.name, "another number of rows", expected=_ROWS, got=len(table))
    x, y = table[:, :-1], table[:, -1].astype(np.int64)
    bad = (np.abs(x - np.median(x, axis=0)) > limit).any(axis=1)
    if outliers == "interpolate" and bad.any():
        good = np.flatnonzero(~bad)
        for column in x.T:
            column[bad] = np.interp(np.flatnonzero(bad), good, column[good])
    columns = pick_channels(names, channels)
    x = interpolate_channels(x, names, RATE, bad_channels)
    x = rereference(x, names, RATE, reference)
    x = bandpass(x[:, columns], RATE, band).astype(np.float32)
    if outliers == "mask":
        x[bad] = np.nan
    border = np.flatnonzero(np.diff(y)) + 1
    starts = np.concatenate([[0], border])
    pieces = np.split(x, border)
    count = len(pieces)
    return recording_graph(
        pieces,
        starts.tolist(),
        RATE,
        [names[i] for i in columns],
        {
            "y": y[starts],
            "subject": np.zeros(count, dtype=np.int64),
            "recording": np.zeros(count, dtype=np.int64),
            "clip": np.arange(count),
        },
        SOURCE.name,
    )


eeg_eye_state.source = SOURCE


def _read(path: Path) -> tuple[list[str], np.ndarray]:
    """Names of the electrodes, and all columns as numbers, the state last."""
    try:
        with open_data(path) as handle:
            lines = handle.read().decode("ascii", errors="replace").splitlines()
    except (OSError, *BROKEN) as error:
        raise GraphError(path.name, f"cannot be read ({error})", fix=mend(path)) from error
    names, first = [], None
    for row, line in enumerate(lines):
        match = re.match(r"\s*@attribute\s+(\S+)", line, re.IGNORECASE)
        if match:
            names.append(match[1].strip("'\""))
        if line.strip().lower() == "@data":
            first = row + 1
            break
    if first is None or len(names) < 2 or names[-1].lower() != "eyedetection":
        raise GraphError(
            path.name,
            "not the file of UCI",
            expected="attributes of electrodes, eyeDetection, and @DATA",
            got=", ".join(names[-3:]) or "no attribute",
            fix=mend(path),
        )
    rows = []
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip() or line.startswith("%"):
            continue
        try:
            values = [float(v) for v in line.split(",")]
        except ValueError:
            values = []
        if len(values) != len(names) or not np.isfinite(values).all() or values[-1] not in (0, 1):
            raise GraphError(
                path.name, "a line is garbled", row=number, expected=f"{len(names)} numbers",
                got=line[:60], fix=mend(path),
            )  # fmt: skip
        rows.append(values)
    if not rows:
        raise GraphError(path.name, "there is no row", fix=mend(path))
    return names[:-1], np.array(rows)
