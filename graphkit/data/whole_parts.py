"""The parts of a signal, whole and of any length, and the split that they came with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data.parts import part_bounds
from graphkit.data.splits import as_fraction
from graphkit.data.temporal_graph import TemporalGraph
from graphkit.data.window_splits import WindowIndex, part_values
from graphkit.errors import GraphError

__all__ = ["GivenSplit", "WholeParts"]


class WholeParts:
    """Parts as windows of different lengths.

    Args:
        graph: With a ``signal`` in parts, none of them empty.

    Attributes:
        part: int64 ``[P]``, the number of each part.
        lengths: int64 ``[P]``, its rows.

    Raises:
        GraphError: No parts, or one without rows.
    """

    def __init__(self, graph: TemporalGraph) -> None:
        if graph.signal is None or graph.signal_part is None:
            raise GraphError(
                "signal_part",
                "the signal has no parts",
                fix="Build the graph with signal_part=[T].",
            )
        self.graph = graph
        self.part, bounds = part_bounds(graph.signal_part, graph.signal.size(0))
        self._first, self.lengths = bounds[:-1], bounds.diff()

    def __len__(self) -> int:
        return self.part.numel()

    def rows(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of the signal of some parts, and which of them there are, ``[B, longest]`` each."""
        lengths = self.lengths[index]
        at = torch.arange(int(lengths.max()) if len(index) else 0)
        valid = at < lengths.unsqueeze(1)
        return torch.where(valid, self._first[index].unsqueeze(1) + at, 0), valid

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        """Some parts: readings ``[B, longest, N, C]``, 0 where missing, and what was observed
        (bool, same shape)."""
        rows, valid = self.rows(torch.as_tensor(index))
        x, seen = self.graph.signal[rows], valid[..., None, None]
        mask = self.graph.signal_mask
        seen = seen.expand_as(x) if mask is None else seen & mask[rows]
        return torch.where(seen, x, 0), seen


@dataclass(frozen=True)
class GivenSplit:
    """The split that the data came with, and a validation share drawn from its training parts.

    Args:
        column: A column of ``graph.parts`` with the values ``"train"`` and ``"test"``, and
            ``"val"`` where validation is given too.
        val: Otherwise the share of the training parts that validate, the same from every class.
        label: The column with the classes.
        seed: Of the draw.
    """

    column: str = "split"
    val: float = 0.15
    label: str = "y"
    seed: int = 0
    name: str = field(default="given", init=False)

    def split(self, windows: Any) -> WindowIndex:
        """The parts of each kind.

        Raises:
            GraphError: A value that is none of the three, or a kind without parts.
        """
        number = windows.part.numpy()
        where = np.asarray(part_values(windows.graph, self.column))[number]
        odd = np.flatnonzero(~np.isin(where, ["train", "val", "test"]))
        if len(odd):
            raise GraphError(
                f"parts.{self.column}", "no kind of part", row=int(odd[0]),
                expected="'train', 'val' or 'test'", got=repr(where[odd[0]]),
            )  # fmt: skip
        train, val = (np.flatnonzero(where == kind) for kind in ("train", "val"))
        if not len(val):
            y = np.asarray(part_values(windows.graph, self.label))[number]
            val = self._drawn(train, y)
            train = np.setdiff1d(train, val)
        found = (train, val, np.flatnonzero(where == "test"))
        for kind, index in zip(("train", "val", "test"), found):
            if not len(index):
                raise GraphError(f"parts.{self.column}", f"no part is left to {kind}")
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
