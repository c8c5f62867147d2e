"""Predefined splits of labelled recordings."""

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
    """The split given with the data, and a validation share drawn from its training recordings.

    Args:
        column: A column of ``graph.recordings`` with the values ``"train"`` and ``"test"``, and
            ``"val"`` if validation recordings are given.
        val: Otherwise the share of the training recordings used for validation, the same for every
            class.
        label: Column with the classes.
        seed: Seed of the draw.
    """

    column: str = "split"
    val: float = 0.15
    label: str = "y"
    seed: int = 0
    name: str = field(default="given", init=False)

    def split(self, windows: Any) -> WindowIndex:
        """The recordings of each subset.

        Raises:
            GraphError: A value is not one of the three, or a subset has no recordings.
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
