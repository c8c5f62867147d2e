"""JHMDB as DD-Net ships it: joints of people in short video clips (two pickles)."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.files import mend
from graphkit.datasets.lookup import locate
from graphkit.datasets.pickles import read_pickle
from graphkit.datasets.source import Source
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["BONES", "CLASSES", "JOINTS", "SOURCE", "jhmdb"]

JOINTS = (
    "neck", "belly", "face",
    "right shoulder", "left shoulder", "right hip", "left hip",
    "right elbow", "left elbow", "right knee", "left knee",
    "right wrist", "left wrist", "right ankle", "left ankle",
)  # fmt: skip
BONES = (
    (0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (1, 6), (3, 7),
    (4, 8), (5, 9), (6, 10), (7, 11), (8, 12), (9, 13), (10, 14),
)  # fmt: skip
CLASSES = (
    "catch", "clap", "golf", "jump", "pick", "pour", "pullup",
    "push", "run", "sit", "stand", "throw", "walk", "wave",
)  # fmt: skip
_CLIPS = {"train": 433, "test": 176}
_URL = "https://github.com/fandulu/DD-Net/raw/master/data/JHMDB/"

SOURCE = Source(
    name="jhmdb",
    title="Joints of people in 609 clips of 14 actions (JHMDB, first split, as DD-Net ships it).",
    file="GT_train_1.pkl",
    urls=(f"{_URL}GT_train_1.pkl",),
    home="http://jhmdb.is.tue.mpg.de",
    licence="MIT (DD-Net); JHMDB asks for citation.",
    citation="Jhuang, Gall, Zuffi, Schmid, Black: Towards Understanding Action Recognition. ICCV "
    "2013. Yang, Wu, Sakti, Nakamura: Make Skeleton-based Action Recognition Model Smaller, Faster "
    "and Better. ACM Multimedia Asia 2019 (DD-Net).",
    num_nodes=15,
    notes="JHMDB has 928 clips of 21 actions; these are all clips of 14 of them.",
)


@register("dataset", "jhmdb")
def jhmdb(
    root: str | Path | None = None,
    *,
    download: bool = True,
    timeout: float = 10.0,
    progress: bool = True,
    strict: bool = False,
) -> TemporalGraph:
    """Joints of people in 609 clips of 14 actions (JHMDB, first split, as DD-Net ships it).

    JHMDB has 928 clips of 21 actions; these are all clips of 14 of them, 433 for training and 176
    for the test, 15 to 40 frames each. Joints were marked by hand; coordinates are relative to the
    person's place and size.
    Files: GT_train_1.pkl, GT_test_1.pkl. Home: http://jhmdb.is.tue.mpg.de

    Args:
        root: Folder searched first (recursively).
        download: Get the official files if they are nowhere at hand.
        timeout: Seconds to wait for a connection, and for more bytes.
        progress: Show a progress bar while downloading.
        strict: Raise, instead of warning, if the files have not the published number of clips.

    Returns:
        Signal ``[T, 15, 2]``: x and y of each joint, frame after frame, clip after clip; one
        recording per clip with ``y`` (the action, in alphabetical order), ``action`` (its name) and
        ``split`` (``"train"`` or ``"test"``). Events are the bones, in both directions.

    Raises:
        GraphError: A file is not one of DD-Net's.
    """
    if root is not None and Path(root).is_file():
        root = Path(root).parent
    poses: list[np.ndarray] = []
    actions: list[str] = []
    split: list[str] = []
    for name, published in _CLIPS.items():
        file = f"GT_{name}_1.pkl"
        one = dataclasses.replace(SOURCE, file=file, urls=(_URL + file,))
        path = locate(one, root=root, download=download, timeout=timeout, progress=progress)
        found, labels = _read(path)
        if len(found) != published:
            error = GraphError(
                SOURCE.name, f"{path} is not the published file", expected=f"{published} clips",
                got=len(found), fix=mend(path),
            )  # fmt: skip
            if strict:
                raise error
            warnings.warn(str(error), UserWarning, stacklevel=2)
        poses += found
        actions += labels
        split += [name] * len(found)
    bones = np.array(BONES)
    return TemporalGraph(
        np.concatenate([bones[:, 0], bones[:, 1]]),
        np.concatenate([bones[:, 1], bones[:, 0]]),
        np.zeros(2 * len(bones), dtype=np.int64),
        signal=np.concatenate(poses).astype(np.float32),
        signal_recording=np.repeat(np.arange(len(poses)), [len(pose) for pose in poses]),
        recordings={
            "y": np.array([CLASSES.index(action) for action in actions]),
            "action": actions,
            "split": split,
        },
        num_nodes=len(JOINTS),
        node_names=list(JOINTS),
        time_unit="step",
        name=SOURCE.name,
    )


jhmdb.source = SOURCE


def _read(path: Path) -> tuple[list[np.ndarray], list[str]]:
    found: Any = read_pickle(path)
    try:
        poses, labels = list(found["pose"]), [str(label) for label in found["label"]]
    except (TypeError, KeyError) as error:
        raise GraphError(
            path.name, "not a file of DD-Net", expected="a dict of 'pose' and 'label'",
            got=type(found).__name__, fix=mend(path),
        ) from error  # fmt: skip
    if len(poses) != len(labels):
        raise GraphError(
            path.name, "clips and labels differ in number", expected=len(poses), got=len(labels)
        )
    for row, (pose, label) in enumerate(zip(poses, labels)):
        shape = np.shape(pose)
        if len(shape) != 3 or shape[1:] != (len(JOINTS), 2) or shape[0] == 0:
            raise GraphError(
                path.name, "not a clip", row=row, expected=f"[T, {len(JOINTS)}, 2]", got=list(shape)
            )
        if not np.isfinite(pose).all():
            raise GraphError(path.name, "a coordinate is not finite", row=row)
        if label not in CLASSES:
            raise GraphError(
                path.name,
                "an unknown action",
                row=row,
                expected=f"one of {', '.join(CLASSES)}",
                got=label,
            )
    return poses, labels
