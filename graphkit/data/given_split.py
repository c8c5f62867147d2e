"""The split that labelled recordings came with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from graphkit.data.recording_splits import recording_values
from graphkit.data.splits import as_fraction
from graphkit.data.window_index import WindowIndex
from graphkit.errors import GraphError

__all__ = ["GivenSplit"]


@dataclass(frozen=True)
class GivenSplit:
    """The split that the data came with, and a validation share drawn from its training recordings.

    Args:
        column: A column of ``graph.recordings`` with the values ``"train"`` and ``"test"``, and
            ``"val"`` where validation is given too.
        val: Otherwise the share of the training recordings that validate, the same from every
            class.
        label: The column with the classes.
        seed: Of the draw.
    """

    column: str = "split"
    val: float = 0.15
    label: str = "y"
    seed: int = 0
    name: str = field(default="given", init=False)

    def split(self, windows: Any) -> WindowIndex:
        """The recordings of each kind.

        Raises:
            GraphError: A value that is none of the three, or a kind without recordings.
        """
        number = windows.recording.numpy()
        where = np.asarray(recording_values(windows.graph, self.column))[number]
        odd = np.flatnonzero(~np.isin(where, ["train", "val", "test"]))
        if len(odd):
            raise GraphError(
                f"recordings.{self.column}", "no kind of recording", row=int(odd[0]),
                expected="'train', 'val' or 'test'", got=repr(where[odd[0]]),
            )  # fmt: skip
        train, val = (np.flatnonzero(where == kind) for kind in ("train", "val"))
        if not len(val):
            y = np.asarray(recording_values(windows.graph, self.label))[number]
            val = self._drawn(train, y)
            train = np.setdiff1d(train, val)
        found = (train, val, np.flatnonzero(where == "test"))
        for kind, index in zip(("train", "val", "test"), found):
            if not len(index):
                raise GraphError(f"recordings.{self.column}", f"no recording is left to {kind}")
        return WindowIndex(*(torch.from_numpy(index) for index in found))

    def describe(self) -> dict[str, Any]:
        """The split as plain values."""
        return {
            "name": self.name, "column": self.column, "val": self.val, "label": self.label,
            "seed": self.seed,
        }  # fmt: skip

    def _drawn(self, train: np.ndarray, y: np.ndarray) -> np.ndarray:
        draw, share = np.random.default_rng(self.seed), as_fraction(self.val, "val")
        chosen: Sequence[np.ndarray] = [
            draw.permutation(mine)[: round(share * len(mine))]
            for mine in (train[y[train] == c] for c in np.unique(y[train]))
        ]
        return np.sort(np.concatenate(chosen)) if len(chosen) else train[:0]
