"""PhysioNet EEG Motor Movement/Imagery: 109 people move, or imagine to move, fists and feet."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

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
from graphkit.electrodes import clean_name
from graphkit.errors import GraphError, require
from graphkit.registry import register

__all__ = ["FIST_RUNS", "SOURCE", "eegmmidb"]

FIST_RUNS = (3, 4, 7, 8, 11, 12)
"""Runs with one fist at a time: 3, 7, 11 are moved, 4, 8, 12 imagined."""

SOURCE = Source(
    name="eegmmidb",
    title="EEG of moved and imagined fists and feet (PhysioNet).",
    file="S001R04.edf",
    urls=("https://physionet.org/files/eegmmidb/1.0.0/S001/S001R04.edf",),
    home="https://physionet.org/content/eegmmidb/1.0.0/",
    licence="ODC-By 1.0.",
    citation="Schalk, McFarland, Hinterberger, Birbaumer, Wolpaw: BCI2000. IEEE Trans. Biomed. "
    "Eng. 51(6), 2004; Goldberger et al.: PhysioBank, PhysioToolkit, PhysioNet. Circulation "
    "101(23), 2000.",
    num_nodes=64,
    notes="No events. One EDF+ file per person and run, named as above. signal: 64 electrodes at "
    "160 Hz in microvolts. recordings: trials; y 0 for T1 (left fist, or both fists), 1 for T2 "
    "(right fist, or both feet); subject, recording (100 times the subject plus the run), clip "
    "(number of the trial in its run). Needs mne (extra eeg).",
)


@register("dataset", "eegmmidb")
def eegmmidb(
    root: str | Path | None = None,
    *,
    subjects: Sequence[int] = (1,),
    runs: Sequence[int] = FIST_RUNS,
    span: tuple[float, float] = (0.0, 4.0),
    rest: bool = False,
    band: tuple[float, float] | None = None,
    reference: str | None = None,
    channels: Sequence[str] | None = None,
    bad_channels: Sequence[str] = (),
    download: bool = True,
    timeout: float = 10.0,
    progress: bool = True,
) -> TemporalGraph:
    """EEG of moved and imagined fists and feet (PhysioNet).

    109 people, 14 runs, 64 electrodes at 160 Hz; ODC-By 1.0. By default the six runs with the left
    or the right fist, cut into trials. Labels of channels (``"Fc5."``) are written as usual
    (``"FC5"``).

    Args:
        root: Folder searched first (recursively), or one EDF file (then one subject and run).
        subjects: Numbers, 1 to 109.
        runs: Numbers, 3 to 14. Runs 5, 6, 9, 10, 13 and 14 are both fists against both feet.
        span: Seconds of a trial, from its cue.
        rest: Also the rests between (T0), as class 2.
        band: Band-pass in hertz, over each whole run; ``None`` for none.
        reference: ``"average"`` or ``"laplacian"``, of all 64 electrodes, see
            :func:`~graphkit.datasets.recordings.rereference`; ``None`` for that of the recording.
        channels: Electrodes; all 64 if ``None``.
        bad_channels: Electrodes whose readings are replaced by those of the others, see
            :func:`~graphkit.datasets.recordings.interpolate_channels`.
        download: Get official files that are nowhere at hand.
        timeout: Seconds to wait for a connection, and for more bytes.
        progress: Show a progress bar while downloading.

    Returns:
        Signal ``[T, N, 1]``, recordings ``y``, ``subject``, ``recording``, ``clip``.

    Raises:
        MissingPackageError: mne is absent; the message names the extra ``eeg``.
        DatasetNotFoundError: A run is nowhere at hand; names its file.
        GraphError: A file is no such recording, or a setting is out of range.
        UnknownNameError: No such reference.
    """
    require("mne", extra="eeg")
    if not 0 <= span[0] < span[1]:
        raise GraphError("span", "not a span", expected="0 <= start < end", got=span)
    if len(subjects) == 0 or len(runs) == 0:
        raise GraphError("runs", "there is nothing to load", expected="subjects and runs")
    marks = {"T1": 0, "T2": 1, **({"T0": 2} if rest else {})}
    pieces: list[np.ndarray] = []
    starts: list[int] = []
    recordings: dict[str, list[int]] = {key: [] for key in ("y", "subject", "recording", "clip")}
    clock, names, rate = 0, None, None
    for subject in subjects:
        for run in runs:
            file = f"S{subject:03d}R{run:02d}.edf"
            source = replace(
                SOURCE,
                file=file,
                urls=(f"{SOURCE.urls[0].rsplit('/', 2)[0]}/S{subject:03d}/{file}",),
            )
            path = locate(source, root=root, download=download, timeout=timeout, progress=progress)
            found, labels, fs, notes = _read(path)
            columns = pick_channels(labels, channels)
            chosen = [labels[i] for i in columns]
            if names is not None and (chosen != names or fs != rate):
                raise GraphError(
                    path.name, "other electrodes or another rate than in the first file",
                    expected=f"{len(names)} at {rate:g} Hz", got=f"{len(chosen)} at {fs:g} Hz",
                )  # fmt: skip
            names, rate = chosen, fs
            found = interpolate_channels(found, labels, fs, bad_channels)
            found = rereference(found, labels, fs, reference)
            found = bandpass(found[:, columns], fs, band)
            clip = 0
            for onset, mark in notes:
                if mark not in marks:
                    continue
                low, high = (round((onset + s) * fs) for s in span)
                if starts and clock + low < starts[-1] + len(pieces[-1]):
                    raise GraphError(
                        "span", f"trial {clip} of {path.name} overlaps the one before", got=span
                    )
                if high <= len(found):
                    pieces.append(found[low:high])
                    starts.append(clock + low)
                    row = (marks[mark], subject, 100 * subject + run, clip)
                    for key, value in zip(recordings, row):
                        recordings[key].append(value)
                clip += 1
            clock += len(found)
    if not pieces:
        raise GraphError("eegmmidb", "no trial in these runs", expected=f"marks {', '.join(marks)}")
    return recording_graph(pieces, starts, rate, names, recordings, SOURCE.name)


eegmmidb.source = SOURCE


def _read(path: Path) -> tuple[np.ndarray, list[str], float, list[tuple[float, str]]]:
    """Microvolts ``[T, N]``, cleaned labels, rate, and the marks with their onsets in seconds."""
    mne: Any = require("mne", extra="eeg")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "recording.edf"
        try:
            with open_data(path) as source, plain.open("wb") as target:
                shutil.copyfileobj(source, target)
            raw = mne.io.read_raw_edf(plain, preload=True, verbose="error")
        except (OSError, ValueError, IndexError, AssertionError, NotImplementedError, *BROKEN) as e:
            raise GraphError(
                path.name, f"cannot be read ({e})", expected="an EDF+ recording", fix=mend(path)
            ) from e
    notes = [(float(a["onset"]), str(a["description"])) for a in raw.annotations]
    x = (raw.get_data().T * 1e6).astype(np.float32)
    return x, [clean_name(n) for n in raw.ch_names], float(raw.info["sfreq"]), notes
