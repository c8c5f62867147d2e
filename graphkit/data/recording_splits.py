"""Splits that leave whole recordings out of training: some subjects, sessions or clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graphkit import renamed
from graphkit.data.splits import as_fraction
from graphkit.data.window_index import WindowIndex, subsets
from graphkit.data.windows import Windows
from graphkit.errors import GraphError, UnknownNameError

__all__ = ["RecordingSplit", "leave_one_out", "recording_values"]


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
        return subsets([(found == r).nonzero().flatten() for r in range(3)], self)

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


def _is_share(value: Any) -> bool:
    return isinstance(value, float)


def _plain(value: Any) -> Any:
    if _is_share(value):
        return value
    if isinstance(value, str) or not hasattr(value, "__len__"):
        value = [value]
    return value.tolist() if hasattr(value, "tolist") else list(value)
