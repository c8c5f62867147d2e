"""Windows of training, validation and test, and what a split of them promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from graphkit.data.windows import Windows
from graphkit.errors import GraphError

__all__ = ["WindowIndex", "WindowSplit", "subsets"]


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


def subsets(found: Sequence[Tensor], split: WindowSplit) -> WindowIndex:
    """The windows of each subset, none of which may be empty.

    Raises:
        GraphError: A subset has no window.
    """
    index = WindowIndex(*found)
    for name, subset in zip(index._fields, index):
        if subset.numel() == 0:
            raise GraphError(
                name,
                f"no window is left for it ({split.name})",
                fix="Use shorter windows, larger shares or longer recordings.",
            )
    return index
