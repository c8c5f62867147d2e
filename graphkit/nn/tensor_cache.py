"""What is made from tensors that rarely change, such as a graph's normalised adjacency."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from torch import Tensor

__all__ = ["TensorCache"]

T = TypeVar("T")


class TensorCache:
    """Keeps the last few things that were made from tensors, as long as these are the same.

    The same means: the same tensor objects, not written to since (torch counts writes). A tensor
    that is gone, another tensor with the same content, or a write in place makes it anew. What
    torch cannot see, such as a write through NumPy, is not noticed. A copy or a pickle of the cache
    is empty.

    Args:
        size: How many things are kept.
    """

    def __init__(self, size: int = 2) -> None:
        self.size = size
        self._kept: list[tuple[tuple[Any, ...], Hashable, Any]] = []

    def get(self, tensors: tuple[Tensor | None, ...], key: Hashable, make: Callable[[], T]) -> T:
        """What ``make()`` returned for these tensors and this key, or returns now."""
        try:
            versions = tuple(None if t is None else t._version for t in tensors)
        except RuntimeError:  # made in inference mode: nobody counts writes
            return make()
        wanted = (key, versions)
        self._kept = [k for k in self._kept if all(r is None or r() is not None for r in k[0])]
        for position, (references, known, made) in enumerate(self._kept):
            same = len(references) == len(tensors) and all(
                t is None if r is None else r() is t for r, t in zip(references, tensors)
            )
            if same and known == wanted:
                self._kept.insert(0, self._kept.pop(position))
                return made
        made = make()
        references = tuple(None if t is None else weakref.ref(t) for t in tensors)
        self._kept = [(references, wanted, made), *self._kept[: self.size - 1]]
        return made

    def clear(self) -> None:
        """Forget everything."""
        self._kept = []

    def __len__(self) -> int:
        return len(self._kept)

    def __deepcopy__(self, memo: dict[int, Any]) -> TensorCache:
        return TensorCache(self.size)

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorCache, (self.size,)
