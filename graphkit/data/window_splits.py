"""Splits of windows by time, as objects that a result can name.

A split is asked with ``split.split(windows)`` and answers with the numbers of the windows of each
subset. A window belongs to a subset only if all of its rows do: none crosses a border.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from graphkit import renamed
from graphkit.checks import check_choice
from graphkit.data.recordings import recording_bounds
from graphkit.data.splits import as_fraction
from graphkit.data.window_index import WindowIndex, WindowSplit, subsets
from graphkit.data.windows import Windows
from graphkit.errors import GraphError

__all__ = [
    "BlockSplit",
    "TimeSplit",
    "block_folds",
]


@dataclass(frozen=True)
class TimeSplit:
    """By time: the first rows train, the next validate, the last test.

    Args:
        val: Share of the rows that validate.
        test: Share of the rows that test.
        within: ``"signal"`` cuts the whole signal once; ``"recording"`` cuts every recording.
    """

    val: float = 0.2
    test: float = 0.2
    within: str = "signal"
    name: str = field(default="time", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "within", renamed.value("within", self.within, above=1))
        check_choice(self.within, "within", ("signal", "recording"))
        if as_fraction(self.val, "val") + as_fraction(self.test, "test") >= 1:
            raise GraphError(
                "val",
                "val and test leave nothing to train on",
                expected="val + test < 1",
                got=float(self.val + self.test),
            )

    def split(self, windows: Windows) -> WindowIndex:
        """The windows whose rows all lie in one stretch of time."""
        val, test = as_fraction(self.val, "val"), as_fraction(self.test, "test")
        bounds = _bounds(windows) if self.within == "recording" else [0, _num_rows(windows)]
        role = torch.zeros(bounds[-1], dtype=torch.int8)
        for low, high in itertools.pairwise(bounds):
            role[low + int((high - low) * (1 - val - test)) : high] = 1
            role[low + int((high - low) * (1 - test)) : high] = 2
        return _by_row(windows, role, self)

    def describe(self) -> dict[str, Any]:
        """The split as plain values."""
        return {
            "name": self.name,
            "val": self.val,
            "test": self.test,
            "within": self.within,
            "borders": "no window crosses one",
        }


@dataclass(frozen=True)
class BlockSplit:
    """By blocks of time inside every recording: each recording is cut into equal blocks.

    Block ``fold`` tests, the block before it (cyclically) validates, the rest trains. Windows of
    training and test come from the same recordings: numbers are higher than with recordings left
    out.

    Args:
        num_blocks: Blocks per recording, at least 3.
        fold: The block that tests, ``0`` to ``num_blocks - 1``.
        within: ``"recording"`` cuts every recording; ``"signal"`` cuts the whole signal once, for
            recordings that are stretches of a longer one.
    """

    num_blocks: int = 10
    fold: int = 0
    within: str = "recording"
    name: str = field(default="blocks", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "within", renamed.value("within", self.within, above=1))
        check_choice(self.within, "within", ("signal", "recording"))
        if not isinstance(self.num_blocks, int) or self.num_blocks < 3:
            raise GraphError(
                "num_blocks", "too few", expected="at least 3", got=repr(self.num_blocks)
            )
        if not 0 <= self.fold < self.num_blocks:
            raise GraphError(
                "fold", "there is no such block", expected=f"0 to {self.num_blocks - 1}",
                got=self.fold,
            )  # fmt: skip

    def split(self, windows: Windows) -> WindowIndex:
        """The windows whose rows all lie in one block, or in training blocks only."""
        bounds, k = _bounds(windows), self.num_blocks
        if self.within == "signal":
            bounds = [0, bounds[-1]]
        role = torch.zeros(bounds[-1], dtype=torch.int8)
        for low, high in itertools.pairwise(bounds):
            for block, value in ((self.fold, 2), ((self.fold - 1) % k, 1)):
                role[low + (high - low) * block // k : low + (high - low) * (block + 1) // k] = (
                    value
                )
        return _by_row(windows, role, self)

    def describe(self) -> dict[str, Any]:
        """The split as plain values."""
        return {
            "name": self.name,
            "num_blocks": self.num_blocks,
            "fold": self.fold,
            "within": self.within,
            "borders": "no window crosses one",
        }


def block_folds(num_blocks: int = 10, within: str = "recording") -> list[BlockSplit]:
    """All folds of :class:`BlockSplit`: together they test every block once."""
    return [BlockSplit(num_blocks, fold, within) for fold in range(num_blocks)]


def _bounds(windows: Windows) -> list[int]:
    """First rows of the recordings, and the end of the last."""
    return recording_bounds(windows.graph.signal_recording, _num_rows(windows))[1].tolist()


def _num_rows(windows: Windows) -> int:
    return windows.graph.signal.size(0)


def _by_row(windows: Windows, role: Tensor, split: WindowSplit) -> WindowIndex:
    """The windows all of whose rows have one role: 0 trains, 1 validates, 2 tests."""
    start = windows.start
    found = []
    for value in range(3):
        before = torch.zeros(role.numel() + 1, dtype=torch.int64)
        torch.cumsum(role == value, 0, out=before[1:])
        inside = before[start + windows.rows] - before[start] == windows.rows
        found.append(inside.nonzero().flatten())
    return subsets(found, split)


def __getattr__(name: str) -> Any:
    return renamed.forwarded(__name__, name)
