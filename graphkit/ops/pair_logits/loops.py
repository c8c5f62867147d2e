"""Logits of pairs as a loop over the pairs, and its gradient."""

from __future__ import annotations

import numpy as np

from graphkit.ops.compiled import compiled

__all__ = ["add_rows", "backward", "find_distinct", "forward"]


@compiled
def find_distinct(src, dst, table, first, second, place, columns):  # type: ignore[no-untyped-def]
    number = 0
    for m in range(src.shape[0]):
        cell = src[m] * columns + dst[m]
        at = table[cell]
        if at == 0:
            first[number], second[number] = src[m], dst[m]
            number += 1
            at = table[cell] = np.int32(number)
        place[m] = at - 1
    return number


@compiled
def add_rows(place, given, total):  # type: ignore[no-untyped-def]
    for m in range(place.shape[0]):
        for j in range(given.shape[1]):
            total[place[m], j] += given[m, j]


@compiled(reorder_sums=True)
def forward(left, right, src, dst, weight, bias, out):  # type: ignore[no-untyped-def]
    classes, width = weight.shape
    zero = left.dtype.type(0)
    for m in range(src.shape[0]):
        a = left[src[m]]
        b = right[dst[m]]
        if classes == 1:
            first = zero
            for k in range(width):
                h = a[k] + b[k]
                h = zero if h <= zero else h  # NaN stays NaN
                first += h * weight[0, k]
            out[m, 0] = first + bias[0]
        elif classes == 2:
            first, second = zero, zero
            for k in range(width):
                h = a[k] + b[k]
                h = zero if h <= zero else h
                first += h * weight[0, k]
                second += h * weight[1, k]
            out[m, 0] = first + bias[0]
            out[m, 1] = second + bias[1]
        else:
            for j in range(classes):
                total = zero
                for k in range(width):
                    h = a[k] + b[k]
                    h = zero if h <= zero else h
                    total += h * weight[j, k]
                out[m, j] = total + bias[j]


@compiled(reorder_sums=True)
def backward(left, right, src, dst, weight, grad, d_left, d_right, d_weight):  # type: ignore[no-untyped-def]
    classes, width = weight.shape
    zero = left.dtype.type(0)
    hidden = left[:1].copy().reshape(-1) if left.shape[0] else weight[0].copy()
    back = hidden.copy()
    for m in range(src.shape[0]):
        a = left[src[m]]
        b = right[dst[m]]
        for k in range(width):
            h = a[k] + b[k]
            hidden[k] = zero if h <= zero else h
        if classes == 1:
            g0 = grad[m, 0]
            for k in range(width):
                back[k] = g0 * weight[0, k]
                d_weight[0, k] += g0 * hidden[k]
        elif classes == 2:
            g0, g1 = grad[m, 0], grad[m, 1]
            for k in range(width):
                back[k] = g0 * weight[0, k] + g1 * weight[1, k]
            for k in range(width):
                d_weight[0, k] += g0 * hidden[k]
                d_weight[1, k] += g1 * hidden[k]
        else:
            back[:] = zero
            for j in range(classes):
                g = grad[m, j]
                for k in range(width):
                    back[k] += g * weight[j, k]
                    d_weight[j, k] += g * hidden[k]
        da = d_left[src[m]]
        db = d_right[dst[m]]
        for k in range(width):
            back[k] = zero if hidden[k] <= zero else back[k]
            da[k] += back[k]
        for k in range(width):
            db[k] += back[k]
