"""From recordings of electrodes to a graph: band-pass, channels, times, parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.electrodes import clean_name
from graphkit.errors import GraphError

__all__ = ["bandpass", "pick_channels", "recording_graph"]


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
    parts: dict[str, Any],
    name: str,
) -> TemporalGraph:
    """A graph whose signal is made of stretches, each a part; there are no events.

    Args:
        pieces: Stretches ``[T_p, N]``.
        starts: The sample at which each begins, on one clock for all.
        rate: Samples per second.
        names: Electrodes.
        parts: One value per stretch, by column.
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
        signal_part=np.repeat(np.arange(len(pieces)), [len(p) for p in pieces]),
        parts=parts,
        time_unit="ns",
        name=name,
    )
