"""DREAMER: EEG of 23 people who watch 18 film clips and rate what they felt (MATLAB file)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.datasets.files import BROKEN, mend, open_data
from graphkit.datasets.lookup import locate
from graphkit.datasets.recordings import bandpass, recording_graph, rereference
from graphkit.datasets.source import Source
from graphkit.electrodes import DREAMER_ELECTRODES
from graphkit.errors import DatasetNotFoundError, GraphError
from graphkit.registry import register

__all__ = ["SOURCE", "dreamer"]

_SCORES = {"valence": "ScoreValence", "arousal": "ScoreArousal", "dominance": "ScoreDominance"}

SOURCE = Source(
    name="dreamer",
    title="EEG of people who watch film clips, with ratings 1 to 5 (DREAMER).",
    file="DREAMER.mat",
    urls=(),
    home="https://zenodo.org/records/546113",
    licence="On signed request; may not be passed on.",
    citation="Katsigiannis, Ramzan: DREAMER. IEEE J. Biomed. Health Inform. 22(1), 2018.",
    num_nodes=14,
    notes="No events. signal: 14 electrodes of an Emotiv EPOC at 128 Hz. recordings: one per "
    "person and clip; y is the rating of the chosen scale, 0 to 4; valence, arousal, dominance "
    "all three; subject, clip, recording. Access is granted on a signed request at the address "
    "above; put DREAMER.mat into a folder named by root= or GRAPHKIT_DATA.",
)


@register("dataset", "dreamer")
def dreamer(
    root: str | Path | None = None,
    *,
    target: str = "valence",
    seconds: float | None = 60.0,
    center: bool = True,
    band: tuple[float, float] | None = None,
    reference: str | None = None,
) -> TemporalGraph:
    """EEG of people who watch film clips, with ratings 1 to 5 (DREAMER).

    23 people, 18 clips, 14 electrodes at 128 Hz, in the order AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6
    F4 F8 AF4. The file cannot be downloaded: its authors give it on a signed request.

    Args:
        root: ``DREAMER.mat``, or a folder that holds it.
        target: What ``y`` is: ``"valence"``, ``"arousal"`` or ``"dominance"``.
        seconds: The last so many seconds of every clip; ``None`` for whole clips.
        center: Take the mean of each electrode off every clip (the offset is about 4,200).
        band: Band-pass in hertz, over every whole clip; ``None`` for none.
        reference: ``"average"`` or ``"laplacian"``, of all 14 electrodes, see
            :func:`~graphkit.datasets.recordings.rereference`; ``None`` for that of the recording.

    Returns:
        Signal ``[T, 14, 1]``, recordings ``y``, ``valence``, ``arousal``, ``dominance`` (0 to 4),
        ``subject``, ``clip``, ``recording``.

    Raises:
        MissingPackageError: ``reference="laplacian"`` without mne; the message names the extra.
        DatasetNotFoundError: The file is not at hand; says how to get it.
        GraphError: The file is not laid out as DREAMER is, or a setting is out of range.
        UnknownNameError: No such target or reference.
    """
    check_choice(target, "target", _SCORES)
    if seconds is not None and not seconds > 0:
        raise GraphError("seconds", "not a length", expected="> 0, or None", got=seconds)
    path = _find(root)
    data = _load(path)
    rate = float(np.squeeze(_get(data, "EEG_SamplingRate", path)))
    names = _electrodes(data)
    pieces: list[np.ndarray] = []
    starts: list[int] = []
    recordings: dict[str, list[int]] = {k: [] for k in ("subject", "clip", "recording", *_SCORES)}
    clock = 0
    for s, person in enumerate(_cells(_get(data, "Data", path))):
        person = _struct(person)
        clips = _cells(_get(_struct(_get(person, "EEG", path)), "stimuli", path))
        ratings = {k: np.ravel(_get(person, f, path)).astype(int) for k, f in _SCORES.items()}
        for k, clip in enumerate(clips):
            x = np.asarray(clip, dtype=np.float64)
            where = f"Data{{{s + 1}}}.EEG.stimuli{{{k + 1}}}"
            if x.ndim != 2 or x.shape[1] != len(names) or not np.isfinite(x).all():
                raise GraphError(
                    path.name, f"{where} is not a clip",
                    expected=f"numbers [time, {len(names)}]", got=list(x.shape),
                )  # fmt: skip
            clock += len(x)
            if center:
                x = x - x.mean(axis=0)
            x = bandpass(rereference(x, names, rate, reference), rate, band)
            x = x[-round(seconds * rate) :] if seconds is not None else x
            pieces.append(x.astype(np.float32))
            starts.append(clock - len(x))
            for key, value in (("subject", s), ("clip", k), ("recording", s * len(clips) + k)):
                recordings[key].append(value)
            for key, rating in ratings.items():
                if k >= len(rating) or not 1 <= rating[k] <= 5:
                    raise GraphError(
                        path.name, f"the {key} of {where} is no rating", expected="1 to 5"
                    )
                recordings[key].append(int(rating[k]) - 1)
    if not pieces:
        raise GraphError(path.name, "there is no clip in it", fix=mend(path))
    return recording_graph(
        pieces, starts, rate, names, {"y": recordings[target], **recordings}, SOURCE.name
    )


dreamer.source = SOURCE


def _find(root: str | Path | None) -> Path:
    try:
        return locate(SOURCE, root=root, download=False, timeout=1.0, progress=False)
    except DatasetNotFoundError as error:
        raise DatasetNotFoundError(
            SOURCE.name,
            f"{SOURCE.file} is not at hand ({error.problem})",
            expected=f"a file named {SOURCE.file}",
            fix=f"It is given on a signed request: ask for access at {SOURCE.home}, then put "
            f"{SOURCE.file} into a folder named by root= or by GRAPHKIT_DATA.",
        ) from error


def _load(path: Path) -> Any:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        with open_data(path) as handle:
            # Strict checks of the compressed stream fail on some good copies.
            content = loadmat(handle, verify_compressed_data_integrity=False)
    except NotImplementedError as error:
        raise GraphError(
            path.name,
            "is a MATLAB file of version 7.3 (HDF5)",
            expected="the file as its authors give it, version 5",
            fix="Load it in MATLAB and save it with -v7, or get the original.",
        ) from error
    except (OSError, ValueError, TypeError, MatReadError, *BROKEN) as error:
        raise GraphError(path.name, f"cannot be read ({error})", fix=mend(path)) from error
    if "DREAMER" not in content:
        found = ", ".join(k for k in content if not k.startswith("__"))
        raise GraphError(path.name, "holds no variable DREAMER", got=found or "nothing")
    return _struct(content["DREAMER"])


def _struct(value: Any) -> Any:
    """The record inside a 1 x 1 struct or cell."""
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    return value


def _get(record: Any, field: str, path: Path) -> Any:
    names = getattr(getattr(record, "dtype", None), "names", None) or ()
    if field not in names:
        raise GraphError(path.name, f"a struct lacks {field}", got=", ".join(names) or "no struct")
    return record[field]


def _cells(value: Any) -> list[Any]:
    """The entries of a cell array, also where it is wrapped in a 1 x 1 struct."""
    while (
        isinstance(value, np.ndarray)
        and value.size == 1
        and isinstance(value.reshape(-1)[0], np.ndarray)
        and value.reshape(-1)[0].dtype == object
    ):
        value = value.reshape(-1)[0]
    return list(np.ravel(value))


def _electrodes(data: Any) -> list[str]:
    if "EEG_Electrodes" not in (data.dtype.names or ()):
        return list(DREAMER_ELECTRODES)
    return [str(_struct(cell)) for cell in _cells(data["EEG_Electrodes"])]
