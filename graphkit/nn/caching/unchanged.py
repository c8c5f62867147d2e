"""Blocks of code in which tensors change only in ways that torch counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["tensors_unchanged", "unchanged_block"]

_block: ContextVar[object | None] = ContextVar("tensors_unchanged", default=None)


@contextmanager
def tensors_unchanged() -> Iterator[None]:
    """Declare that all writes to tensors inside the block are counted by torch.

    :func:`graphkit.fit`, :func:`graphkit.evaluate`, :func:`graphkit.engine.fit_many.fit_many` and
    :class:`graphkit.Predictor` use such blocks. Use one around a custom loop only if the loop does
    not write to edges, features or parameters through ``.data`` or NumPy. Objects cached in one
    block are reused in the next only after their content has been compared. Can also be used as a
    decorator.
    """
    before = _block.set(object() if _block.get() is None else _block.get())
    try:
        yield
    finally:
        _block.reset(before)


def unchanged_block() -> object | None:
    """The current outermost block of :func:`tensors_unchanged`; ``None`` outside of blocks."""
    return _block.get()
