"""Products with a sparse matrix of which dropout keeps some entries, as loops that skip the others.

Arguments are numpy views; the matrix has ``indptr``, ``index``, ``value`` by rows, and ``kept`` is
a bool for each entry.
"""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["kept_times", "kept_transposed_times"]


@compiled
def kept_times(indptr, index, value, kept, scale, dense, out):  # [columns, w], [rows, w]
    """``out = (value * kept * scale) @ dense``."""
    rows, width = out.shape
    for i in range(rows):
        total = out[i]
        for k in range(width):
            total[k] = 0
        for j in range(indptr[i], indptr[i + 1]):
            if kept[j]:
                weight, row = value[j] * scale, dense[index[j]]
                for k in range(width):
                    total[k] += weight * row[k]


@compiled
def kept_transposed_times(indptr, index, value, kept, scale, dense, out):  # [rows, w], [columns, w]
    """``out = (value * kept * scale).T @ dense``, in the order of the rows."""
    rows, width = dense.shape
    out[:] = 0
    for i in range(rows):
        row = dense[i]
        for j in range(indptr[i], indptr[i + 1]):
            if kept[j]:
                weight, total = value[j] * scale, out[index[j]]
                for k in range(width):
                    total[k] += weight * row[k]
