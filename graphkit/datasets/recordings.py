"""From recordings of electrodes to a graph: band-pass, channels, times, recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.electrodes import clean_name, template_montage
from graphkit.errors import GraphError, require

__all__ = ["bandpass", "pick_channels", "recording_graph", "rereference"]

_REFERENCES = ("average", "laplacian")


def bandpass(x: np.ndarray, rate: float, band: tuple[float, float] | None) -> np.ndarray:
    """A recording through a Butterworth filter of order 4, forwards and backwards (no delay).

    Args:
        x: ``[T, N]``, one stretch without gaps.
        rate: Samples per second.
        band: Lowest and highest frequency in hertz; ``None`` leaves all as it is.

    Raises:
        GraphError: The band does not fit the rate, or the recording is too short to filter.
    """
    if band is None:
        return x
    from scipy.signal import butter, sosfiltfilt

    low, high = band
    if not 0 < low < high < rate / 2:
        raise GraphError(
            "band", "not a band", expected=f"0 < low < high < {rate / 2:g} Hz", got=band
        )
    sections = butter(4, (low, high), btype="bandpass", fs=rate, output="sos")
    try:
        return sosfiltfilt(sections, np.asarray(x, dtype=np.float64), axis=0).astype(np.float32)
    except ValueError as error:
        raise GraphError("band", f"the recording is too short to filter ({error})") from error


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
        GraphError: There are too few electrodes, or one of an unknown place.
    """
    if reference is None:
        return x
    check_choice(reference, "reference", _REFERENCES)
    if len(names) < 2:
        raise GraphError(
            "reference", "it needs several electrodes", expected=">= 2", got=len(names)
        )
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
