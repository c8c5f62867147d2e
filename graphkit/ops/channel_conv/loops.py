"""Correlation of every channel with its own taps as loops: ``channel_conv`` on a CPU.

Arguments are numpy views. Four taps go at once, so that a step of the signal is loaded more often
than written.
"""

from __future__ import annotations

import numpy as np

from graphkit.ops.compiled import compiled

__all__ = ["correlate_loop", "taps_gradient_loop"]


@compiled(reorder_sums=True)
def correlate_loop(x, taps, front, out):  # [C, B, T], [C, K], int, [C, B, T']
    """``out[c, b, t] = sum_k taps[c, k] x[c, b, t + k - front]``, 0 outside the signal."""
    channels, batch, steps = x.shape
    size, length = taps.shape[1], out.shape[2]
    whole = size // 4 * 4
    row = np.zeros(max(length + size, front + steps), x.dtype)  # a signal between its zeros
    for c in range(channels):
        for b in range(batch):
            for t in range(steps):
                row[front + t] = x[c, b, t]
            for t in range(length):
                out[c, b, t] = 0
            for k in range(0, whole, 4):
                w0, w1, w2, w3 = taps[c, k], taps[c, k + 1], taps[c, k + 2], taps[c, k + 3]
                for t in range(length):
                    out[c, b, t] += (
                        w0 * row[t + k]
                        + w1 * row[t + k + 1]
                        + w2 * row[t + k + 2]
                        + w3 * row[t + k + 3]
                    )
            for k in range(whole, size):
                w0 = taps[c, k]
                for t in range(length):
                    out[c, b, t] += w0 * row[t + k]


@compiled(reorder_sums=True)
def taps_gradient_loop(x, dy, front, out):  # [C, B, T], [C, B, T'], int, [C, K]
    """``out[c, k] = sum_{b, t} dy[c, b, t] x[c, b, t + k - front]``, 0 outside the signal."""
    channels, batch, steps = x.shape
    size, length = out.shape[1], dy.shape[2]
    whole = size // 4 * 4
    row = np.zeros(max(length + size, front + steps), x.dtype)
    zero = x.dtype.type(0)
    for c in range(channels):
        for k in range(size):
            out[c, k] = 0
        for b in range(batch):
            for t in range(steps):
                row[front + t] = x[c, b, t]
            for k in range(0, whole, 4):
                s0, s1, s2, s3 = zero, zero, zero, zero
                for t in range(length):
                    d = dy[c, b, t]
                    s0 += d * row[t + k]
                    s1 += d * row[t + k + 1]
                    s2 += d * row[t + k + 2]
                    s3 += d * row[t + k + 3]
                out[c, k] += s0
                out[c, k + 1] += s1
                out[c, k + 2] += s2
                out[c, k + 3] += s3
            for k in range(whole, size):
                s0 = zero
                for t in range(length):
                    s0 += dy[c, b, t] * row[t + k]
                out[c, k] += s0
