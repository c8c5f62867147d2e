"""Scores of all pairs as a loop over blocks of columns."""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["score_all"]


@compiled
def score_all(left, right, weight, out, block):  # type: ignore[no-untyped-def]
    rows, width = left.shape
    columns = right.shape[1]
    zero = out.dtype.type(0)
    for start in range(0, columns, block):
        stop = min(start + block, columns)
        for u in range(rows):
            target = out[u, start:stop]
            for k in range(width):
                a = left[u, k]
                w = weight[k]
                given = right[k, start:stop]
                for j in range(stop - start):
                    target[j] += w * max(a + given[j], zero)
