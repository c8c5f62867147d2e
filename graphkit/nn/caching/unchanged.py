"""Blocks of code in which tensors change only in ways that torch counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["tensors_unchanged", "unchanged_block"]

_block: ContextVar[object | None] = ContextVar("tensors_unchanged", default=None)


@contextmanager
def tensors_unchanged() -> Iterator[None]:
    """Say that inside the block nobody writes to a tensor in a way that torch does not count.

    :func:`graphkit.fit`, :func:`graphkit.evaluate`, :func:`graphkit.engine.fit_many.fit_many` and
    :class:`graphkit.Predictor` are such blocks. A loop of your own may be one if nothing in it
    writes to edges, features or parameters through ``.data`` or NumPy. What was made in one block
    is not taken over into the next without a look at the content. Also a decorator.
    """
    before = _block.set(object() if _block.get() is None else _block.get())
    try:
        yield
    finally:
        _block.reset(before)


def unchanged_block() -> object | None:
    """The block of :func:`tensors_unchanged` that runs, the outermost one; ``None`` outside."""
    return _block.get()
