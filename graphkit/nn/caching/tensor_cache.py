"""A cache of objects computed from rarely changing tensors, such as normalised adjacencies.

torch counts writes to a tensor, but not those through ``.data`` or NumPy. Inside
:func:`~graphkit.nn.caching.unchanged.tensors_unchanged`, which the engine uses where it owns the
tensors, a tensor is identified by its identity and that count. Elsewhere its content is compared
with a copy.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from graphkit.nn.caching.unchanged import unchanged_block

__all__ = ["TensorCache"]

T = TypeVar("T")


@dataclass
class _Entry:
    """A cached object and the tensors from which it was computed."""

    references: tuple[weakref.ref[Tensor] | None, ...]
    key: Hashable
    versions: tuple[int | None, ...] | None
    block: object | None
    copies: tuple[Tensor | None, ...] | None
    made: Any

    def is_of(self, tensors: tuple[Tensor | None, ...], key: Hashable) -> bool:
        """Whether the object was computed from these tensor objects and this key."""
        return (
            key == self.key
            and len(tensors) == len(self.references)
            and all(t is None if r is None else r() is t for r, t in zip(self.references, tensors))
        )


class TensorCache:
    """Caches the last few objects computed from tensors, as long as the tensors do not change.

    Tensors are unchanged if they are the same objects with the same content. After an in-place
    write the object is computed again, also for writes through ``.data`` or NumPy: outside of
    :func:`~graphkit.nn.caching.unchanged.tensors_unchanged` the content is compared with a stored
    copy, at the cost of reading both. The object is also computed again if a tensor was deleted, or
    for another tensor with the same content. Copies and pickles of the cache are empty.

    Args:
        size: Maximum number of cached objects.
    """

    def __init__(self, size: int = 2) -> None:
        self.size = size
        self._kept: list[_Entry] = []

    def get(self, tensors: tuple[Tensor | None, ...], key: Hashable, make: Callable[[], T]) -> T:
        """Return the cached result of ``make()`` for these tensors and this key, or compute it."""
        versions, block = _versions(tensors), unchanged_block()
        self._kept = [
            entry
            for entry in self._kept
            if all(reference is None or reference() is not None for reference in entry.references)
        ]
        for position, entry in enumerate(self._kept):
            if not entry.is_of(tensors, key) or entry.versions != versions:
                continue
            trusted = block is not None and versions is not None and entry.block is block
            if trusted or (entry.copies is not None and _equal(tensors, entry.copies)):
                entry.block = block
                self._kept.insert(0, self._kept.pop(position))
                return entry.made
            self._kept.pop(position)
            break
        # Before make(), because its result may share memory with the tensors.
        copies = None
        if block is None or versions is None:
            copies = tuple(None if t is None else t.detach().clone() for t in tensors)
        made = make()
        references = tuple(None if t is None else weakref.ref(t) for t in tensors)
        entry = _Entry(references, key, versions, block, copies, made)
        self._kept = [entry, *self._kept[: self.size - 1]]
        return made

    def clear(self) -> None:
        """Remove all cached objects."""
        self._kept = []

    def __len__(self) -> int:
        return len(self._kept)

    def __deepcopy__(self, memo: dict[int, Any]) -> TensorCache:
        return TensorCache(self.size)

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorCache, (self.size,)


def _versions(tensors: tuple[Tensor | None, ...]) -> tuple[int | None, ...] | None:
    """Number of writes to each tensor counted by torch; ``None`` for inference tensors."""
    try:
        return tuple(None if t is None else t._version for t in tensors)
    except RuntimeError:
        return None


def _equal(tensors: tuple[Tensor | None, ...], copies: tuple[Tensor | None, ...]) -> bool:
    """Whether each tensor has the content of its copy."""
    return all(t is None or _same(t, copy) for t, copy in zip(tensors, copies))


def _same(a: Tensor, b: Tensor) -> bool:
    if a.layout == torch.strided:
        return torch.equal(a, b)
    if a.layout == torch.sparse_coo:
        return torch.equal(a._indices(), b._indices()) and torch.equal(a._values(), b._values())
    by_row = a.layout == torch.sparse_csr
    pairs = (
        (a.crow_indices(), b.crow_indices()) if by_row else (a.ccol_indices(), b.ccol_indices()),
        (a.col_indices(), b.col_indices()) if by_row else (a.row_indices(), b.row_indices()),
        (a.values(), b.values()),
    )
    return all(torch.equal(x, y) for x, y in pairs)
