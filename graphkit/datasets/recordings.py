"""From recordings of electrodes to a graph: band-pass, channels, times, recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.data.interpolate import interpolate
from graphkit.electrodes import clean_name, template_montage
from graphkit.errors import GraphError, require

__all__ = [
    "bandpass",
    "fill_readings",
    "interpolate_channels",
    "pick_channels",
    "recording_graph",
    "rereference",
]

_REFERENCES = ("average", "laplacian")
_MISSING = ("raise", "interpolate")


def bandpass(
    x: np.ndarray,
    rate: float,
    band: tuple[float, float] | None,
    *,
    missing: str = "raise",
    max_gap: float = 0.1,
) -> np.ndarray:
    """A recording through a Butterworth filter of order 4, forwards and backwards (no delay).

    A filter spreads every reading over its surroundings, a missing one too. So missing readings are
    refused, or interpolated, filtered with the others and then missing again.

    Args:
        x: ``[T, N]``, one stretch without gaps; NaN where a reading is missing.
        rate: Samples per second.
        band: Lowest and highest frequency in hertz; ``None`` leaves all as it is.
        missing: ``"raise"`` or ``"interpolate"``.
        max_gap: Longest run of missing readings that is interpolated, in seconds.

    Raises:
        GraphError: The band does not fit the rate, the recording is too short to filter, a reading
            is infinite, or one is missing that shall not or cannot be filled in.
        UnknownNameError: No such ``missing``.
    """
    if band is None:
        return x
    from scipy.signal import butter, sosfiltfilt

    low, high = band
    if not 0 < low < high < rate / 2:
        raise GraphError(
            "band", "not a band", expected=f"0 < low < high < {rate / 2:g} Hz", got=band
        )
    x, lost = fill_readings(np.asarray(x, dtype=np.float64), rate, missing, max_gap)
    sections = butter(4, (low, high), btype="bandpass", fs=rate, output="sos")
    try:
        found = sosfiltfilt(sections, x, axis=0).astype(np.float32)
    except ValueError as error:
        raise GraphError("band", f"the recording is too short to filter ({error})") from error
    found[lost] = np.nan
    return found


def fill_readings(
    x: np.ndarray,
    rate: float,
    missing: str,
    max_gap: float,
    names: Sequence[str] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A recording without missing readings.

    Args:
        x: ``[T, N]``; NaN where a reading is missing.
        rate: Samples per second.
        missing: ``"raise"``, or ``"interpolate"``: a value on the line between the readings of the
            same channel before and after it, the nearest one at either end.
        max_gap: Longest run of missing readings that is interpolated, in seconds.
        names: Names of the channels, used in messages.

    Returns:
        The recording, and bool ``[T, N]``, where readings were missing.

    Raises:
        GraphError: A reading is infinite, one is missing with ``missing="raise"``, or more in a row
            than ``max_gap``.
        UnknownNameError: No such ``missing``.
    """
    check_choice(missing, "missing", _MISSING)

    def refuse(where: np.ndarray, problem: str, fix: str) -> GraphError:
        row, channel = (int(v) for v in np.argwhere(where)[0])
        called = channel if names is None else names[channel]
        return GraphError("signal", f"{problem} in channel {called}", row=row, fix=fix)

    if np.isinf(x).any():
        raise refuse(np.isinf(x), "a reading is infinite", "Mark it as missing: NaN.")
    lost = np.isnan(x)
    if not lost.any():
        return x, lost
    if missing == "raise":
        raise refuse(
            lost,
            "a reading is missing",
            "missing='interpolate' fills in short gaps; or leave the channel out by name.",
        )
    value, there = (v[0].numpy() for v in interpolate(
        torch.from_numpy(x)[None], torch.from_numpy(~lost)[None], max(0, round(max_gap * rate))
    ))  # fmt: skip
    if not there.all():
        raise refuse(
            ~there,
            f"readings are missing for longer than {max_gap:g} s",
            "Raise max_gap, interpolate the channel from others (interpolate_channels), or leave "
            "it out by name.",
        )
    return value, lost


def interpolate_channels(
    x: np.ndarray, names: Sequence[str], rate: float, bad: Sequence[str]
) -> np.ndarray:
    """Bad electrodes made from the others by spherical splines (Perrin et al. 1989), by mne.

    Args:
        x: ``[T, N]`` potentials; those of bad electrodes are not read.
        names: Electrodes of the 10-05 system, which say where they sit.
        rate: Samples per second.
        bad: Names of the bad ones.

    Returns:
        ``[T, N]``, a copy.

    Raises:
        MissingPackageError: mne is absent; the message names the extra ``eeg``.
        GraphError: There is no such electrode, none is left, one is of an unknown place, or a
            reading of the others is missing.
    """
    columns = pick_channels(names, bad) if len(bad) else []
    if not columns:
        return x
    names = [clean_name(name) for name in names]
    good = [i for i in range(len(names)) if i not in columns]
    if len(good) < 3:
        raise GraphError("bad", "too few electrodes are left", expected=">= 3", got=len(good))
    fill_readings(np.asarray(x, dtype=np.float64)[:, good], rate, "raise", 0.0,
                  [names[i] for i in good])  # fmt: skip
    mne: Any = require("mne", extra="eeg")
    values = np.asarray(x, dtype=np.float64).copy()
    values[:, columns] = 0.0
    info = mne.create_info(names, rate, "eeg")
    raw = mne.io.RawArray(values.T * 1e-6, info, verbose="error")
    raw.set_montage(template_montage(names), verbose="error")
    raw.info["bads"] = [names[i] for i in columns]
    raw.interpolate_bads(reset_bads=True, verbose="error")
    return (raw.get_data().T * 1e6).astype(x.dtype, copy=False)


def rereference(
    x: np.ndarray, names: Sequence[str], rate: float, reference: str | None
) -> np.ndarray:
    """Potentials against another reference, all electrodes given.

    A potential is one against an electrode far away, and the skull blurs it; what is under an
    electrode shows in how it differs from what is around it.

    Args:
        x: Microvolts ``[T, N]``, none missing.
        names: Electrodes of the 10-05 system, which say where they sit.
        rate: Samples per second.
        reference: ``"average"``: of all electrodes. ``"laplacian"``: current source density by
            spherical splines (Perrin et al. 1989), of mne with its defaults, in microvolts per
            square centimetre. ``None`` leaves all as it is.

    Raises:
        MissingPackageError: mne is absent; the message names the extra ``eeg``.
        UnknownNameError: No such reference.
        GraphError: There are too few electrodes, one of an unknown place, or a reading is missing.
    """
    if reference is None:
        return x
    check_choice(reference, "reference", _REFERENCES)
    if len(names) < 2:
        raise GraphError(
            "reference", "it needs several electrodes", expected=">= 2", got=len(names)
        )
    fill_readings(np.asarray(x, dtype=np.float64), rate, "raise", 0.0, names)
    if reference == "average":
        return x - x.mean(axis=1, keepdims=True)
    mne: Any = require("mne", extra="eeg")
    names = [clean_name(name) for name in names]
    info = mne.create_info(names, rate, "eeg")
    raw = mne.io.RawArray(np.asarray(x, dtype=np.float64).T * 1e-6, info, verbose="error")
    montage = template_montage(names)
    try:
        raw.set_montage(montage, verbose="error")
        raw = mne.preprocessing.compute_current_source_density(raw, verbose="error")
    except (ValueError, RuntimeError, np.linalg.LinAlgError) as error:
        raise GraphError(
            "reference",
            f"no Laplacian of these {len(names)} electrodes ({error})",
            fix="reference='average'",
        ) from error
    return (raw.get_data().T * 1e2).astype(np.float32)  # volts per square metre


def pick_channels(names: Sequence[str], wanted: Sequence[str] | None) -> list[int]:
    """Columns of the wanted electrodes, in the order in which they are wanted.

    Raises:
        GraphError: One is not there.
    """
    names = [clean_name(name) for name in names]
    if wanted is None:
        return list(range(len(names)))
    missing = [name for name in wanted if clean_name(name) not in names]
    if missing or len(wanted) == 0:
        raise GraphError(
            "channels", "no such electrode", expected=", ".join(names), got=", ".join(missing)
        )
    return [names.index(clean_name(name)) for name in wanted]


def recording_graph(
    pieces: Sequence[np.ndarray],
    starts: Sequence[int],
    rate: float,
    names: Sequence[str],
    recordings: dict[str, Any],
    name: str,
) -> TemporalGraph:
    """A graph whose signal is made of stretches, each a recording; there are no events.

    Args:
        pieces: Stretches ``[T_p, N]``.
        starts: The sample at which each begins, on one clock for all.
        rate: Samples per second.
        names: Electrodes.
        recordings: One value per stretch, by column.
        name: Of the data set.

    Returns:
        Signal float32 ``[T, N, 1]``, times in nanoseconds.
    """
    sample = np.concatenate([start + np.arange(len(p)) for start, p in zip(starts, pieces)])
    return TemporalGraph(
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        num_nodes=len(names),
        node_names=np.asarray(names),
        signal=np.concatenate(pieces)[:, :, None].astype(np.float32, copy=False),
        signal_t=np.round(sample * (1e9 / rate)).astype(np.int64),
        signal_recording=np.repeat(np.arange(len(pieces)), [len(p) for p in pieces]),
        recordings=recordings,
        time_unit="ns",
        name=name,
    )
