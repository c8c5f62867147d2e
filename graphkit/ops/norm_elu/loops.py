"""Normalisation and ELU as one loop over a row, and its gradient."""

from __future__ import annotations

import numpy as np

from graphkit.ops.compiled import compiled

__all__ = ["backward", "forward"]


@compiled(reorder_sums=True)
def forward(x, weight, bias, eps, y, mean, var):
    channels, count = x.shape
    size = x.dtype.type(count)
    for c in range(channels):
        total = x.dtype.type(0)
        for i in range(count):
            total += x[c, i]
        m = total / size
        total = x.dtype.type(0)
        for i in range(count):
            total += (x[c, i] - m) * (x[c, i] - m)
        mean[c], var[c] = m, total / size
        factor = weight[c] / np.sqrt(var[c] + x.dtype.type(eps))
        shift = bias[c] - m * factor
        for i in range(count):
            y[c, i] = x[c, i] * factor + shift


@compiled(reorder_sums=True)
def backward(x, y, dy, weight, mean, scale, dx, dweight, dbias):
    channels, count = x.shape
    one, size = x.dtype.type(1), x.dtype.type(count)  # all in the precision of x
    for c in range(channels):
        m, r = mean[c], scale[c]
        total, along = x.dtype.type(0), x.dtype.type(0)
        for i in range(count):
            slope = one if y[c, i] > 0 else y[c, i] + one
            g = dy[c, i] * slope
            dx[c, i] = g
            total += g
            along += g * (x[c, i] - m)
        dbias[c], dweight[c] = total, along * r
        factor = weight[c] * r
        shift = total / size
        tilt = along * r * r / size
        for i in range(count):
            dx[c, i] = factor * (dx[c, i] - shift - (x[c, i] - m) * tilt)
