"""Splits of windows into training, validation and test, as objects that a result can name.

A split is asked with ``split.split(windows)`` and answers with the numbers of the windows of each
subset. A window belongs to a subset only if all of its rows do: none crosses a border.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from graphkit import renamed
from graphkit.checks import check_choice
from graphkit.data.recordings import recording_bounds
from graphkit.data.splits import as_fraction
from graphkit.data.windows import Windows
from graphkit.errors import GraphError, UnknownNameError

__all__ = [
    "BlockSplit",
    "RecordingSplit",
    "TimeSplit",
    "WindowIndex",
    "WindowSplit",
    "block_folds",
    "leave_one_out",
]


class WindowIndex(NamedTuple):
    """Numbers of windows, int64, increasing."""

    train: Tensor
    val: Tensor
    test: Tensor


class WindowSplit(Protocol):
    """A way to split windows. ``name`` says which in results."""

    name: str

    def split(self, windows: Windows) -> WindowIndex:
        """The windows of each subset.

        Raises:
            GraphError: The signal lacks what the split needs, or a subset has no window.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """The split as plain values."""
        ...


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


@dataclass(frozen=True)
class RecordingSplit:
    """By a column of the recordings: some subjects, recordings or clips are left out of training.

    Args:
        column: A column of ``graph.recordings``, such as ``"subject"``, or ``"number"`` for
            the recordings themselves, by their numbers.
        test: The values that test, or the share of the distinct values, drawn by ``seed``.
        val: The values that validate, or their share.
        seed: Of shares.
    """

    column: str
    test: Any = 0.2
    val: Any = 0.2
    seed: int = 0

    @property
    def name(self) -> str:
        """``"leave_<column>_out"``."""
        return f"leave_{self.column}_out"

    def split(self, windows: Windows) -> WindowIndex:
        """The windows of the recordings with the values of each kind."""
        values = recording_values(windows.graph, self.column)
        known = list(dict.fromkeys(values))
        test, val = self._chosen(known)
        for name, chosen in (("test", test), ("val", val)):
            for value in chosen:
                if value not in known:
                    raise GraphError(
                        name,
                        f"no recording has this {self.column}",
                        expected=f"one of {', '.join(map(repr, known[:8]))}"
                        + (", ..." if len(known) > 8 else ""),
                        got=repr(value),
                    )
        both = [value for value in test if value in val]
        if both:
            raise GraphError("val", "it tests and validates", got=repr(both[0]))
        role = torch.tensor([2 if v in test else 1 if v in val else 0 for v in values])
        found = role[windows.recording]
        return _subsets([(found == r).nonzero().flatten() for r in range(3)], self)

    def describe(self) -> dict[str, Any]:
        """The split as plain values."""
        shares = any(_is_share(v) for v in (self.test, self.val))
        return {
            "name": self.name,
            "column": self.column,
            "test": _plain(self.test),
            "val": _plain(self.val),
            **({"seed": self.seed} if shares else {}),
        }

    def _chosen(self, known: list[Any]) -> tuple[list[Any], list[Any]]:
        """The values that test and that validate; shares are drawn from those not named."""
        named = [_plain(v) for v in (self.test, self.val) if not _is_share(v)]
        order = np.random.default_rng(self.seed).permutation(len(known)).tolist()
        free = [known[i] for i in order if not any(known[i] in values for values in named)]
        found = []
        for name, value in (("test", self.test), ("val", self.val)):
            if _is_share(value):
                count = max(1, round(as_fraction(value, name) * len(known)))
                found.append(free[:count])
                free = free[count:]
            else:
                found.append(_plain(value))
        return found[0], found[1]


def block_folds(num_blocks: int = 10, within: str = "recording") -> list[BlockSplit]:
    """All folds of :class:`BlockSplit`: together they test every block once."""
    return [BlockSplit(num_blocks, fold, within) for fold in range(num_blocks)]


def leave_one_out(graph: Any, column: str) -> list[RecordingSplit]:
    """One :class:`RecordingSplit` per value: it tests, the one before it (cyclically) validates.

    Args:
        graph: A graph with recordings.
        column: A column of ``graph.recordings``, or ``"number"``.

    Raises:
        GraphError: There are fewer than three values.
    """
    known = list(dict.fromkeys(recording_values(graph, column)))
    if len(known) < 3:
        raise GraphError(
            column, "too few values to leave one out", expected="at least 3", got=len(known)
        )
    return [RecordingSplit(column, test=[v], val=[known[i - 1]]) for i, v in enumerate(known)]


def recording_values(graph: Any, column: str) -> list[Any]:
    """The value of every recording in a column of recordings, as plain Python values.

    Raises:
        UnknownNameError: No such column.
        GraphError: The graph has no recordings, or the column has several values per recording.
    """
    if graph.signal_recording is None:
        raise GraphError(
            "signal_recording",
            "the signal has no recordings",
            fix="Build the graph with signal_recording=[T].",
        )
    if column not in graph.recordings:
        if renamed.value("column", column) == "number":
            return list(range(graph.num_recordings))
        raise UnknownNameError("column of recordings", column, [*graph.recordings, "number"])
    found = graph.recordings[column]
    if found.ndim != 1:
        raise GraphError(
            f"recordings.{column}", "one value per recording is needed", got=list(found.shape)
        )
    return found.tolist()


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
    return _subsets(found, split)


def _subsets(found: Sequence[Tensor], split: WindowSplit) -> WindowIndex:
    index = WindowIndex(*found)
    for name, subset in zip(index._fields, index):
        if subset.numel() == 0:
            raise GraphError(
                name,
                f"no window is left for it ({split.name})",
                fix="Use shorter windows, larger shares or longer recordings.",
            )
    return index


def _is_share(value: Any) -> bool:
    return isinstance(value, float)


def _plain(value: Any) -> Any:
    if _is_share(value):
        return value
    if isinstance(value, str) or not hasattr(value, "__len__"):
        value = [value]
    return value.tolist() if hasattr(value, "tolist") else list(value)


def __getattr__(name: str) -> Any:
    return renamed.forwarded(__name__, name)
