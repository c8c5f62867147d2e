"""Recurrences over time as loops: what ``block_scan`` and the cells of ``para_cells`` do on a CPU.

Arguments are numpy views. Channels go innermost, where the memory is contiguous.
"""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["scan_loop"]


@compiled
def scan_loop(A, b, out, reverse):  # [S, S, B, L, D], [S, B, L, D], [S, B, L, D]
    """See :func:`~graphkit.ops.block_scan.op.block_scan`."""
    size, rows, length, channels = b.shape
    for row in range(rows):
        for i in range(length):
            t = length - 1 - i if reverse else i
            before = t + 1 if reverse else t - 1
            if i == 0:
                for s in range(size):
                    for d in range(channels):
                        out[s, row, t, d] = b[s, row, t, d]
            elif size == 1:
                for d in range(channels):
                    out[0, row, t, d] = (
                        A[0, 0, row, t, d] * out[0, row, before, d] + b[0, row, t, d]
                    )
            else:
                for d in range(channels):
                    first, second = out[0, row, before, d], out[1, row, before, d]
                    out[0, row, t, d] = (
                        A[0, 0, row, t, d] * first + A[0, 1, row, t, d] * second + b[0, row, t, d]
                    )
                    out[1, row, t, d] = (
                        A[1, 0, row, t, d] * first + A[1, 1, row, t, d] * second + b[1, row, t, d]
                    )
