"""Sums of rows as a loop over entries."""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["add_rows"]


@compiled
def add_rows(out, to, source, index):  # type: ignore[no-untyped-def]
    for i in range(to.shape[0]):
        a, b = to[i], index[i]
        for d in range(out.shape[1]):
            out[a, d] += source[b, d]
