"""Affine recurrences as loops; see :mod:`graphkit.ops.scan`. Arguments are numpy arrays.

Diagonal: a ``[M, L, D]`` or ``[M, L, 1]``, b and h ``[M, L, D]``, first ``[M, D]``. Blocks: a
``[M, L, D, n, n]``, b and h ``[M, L, D, n]``, first ``[M, D, n]``. With ``reverse`` time runs from
the end. The loops over channels are innermost and elementwise, so that they become vector code.
"""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["block_backward", "block_forward", "diagonal_backward", "diagonal_forward"]


@compiled
def diagonal_forward(a, b, first, h, reverse):
    """h_t = a_t h_{t-1} + b_t, written into ``h``."""
    rows, length, channels = b.shape
    shared = a.shape[2] == 1
    for m in range(rows):
        for step in range(length):
            t = length - 1 - step if reverse else step
            before = h[m, t + 1 if reverse else t - 1] if step > 0 else first[m]
            if shared:
                factor = a[m, t, 0]
                for d in range(channels):
                    h[m, t, d] = factor * before[d] + b[m, t, d]
            else:
                for d in range(channels):
                    h[m, t, d] = a[m, t, d] * before[d] + b[m, t, d]


@compiled
def diagonal_backward(a, h, first, grad, grad_a, grad_b, grad_first, reverse):
    """Gradients by a and b from those by h; ``grad_a`` is ``[M, L, D]`` in any case, or empty."""
    rows, length, channels = h.shape
    shared = a.shape[2] == 1
    want_a = grad_a.shape[1] > 0
    for m in range(rows):
        carry = grad_first[m]
        for d in range(channels):
            carry[d] = 0.0
        for step in range(length - 1, -1, -1):
            t = length - 1 - step if reverse else step
            before = h[m, t + 1 if reverse else t - 1] if step > 0 else first[m]
            for d in range(channels):
                grad_b[m, t, d] = grad[m, t, d] + carry[d]
            if want_a:
                for d in range(channels):
                    grad_a[m, t, d] = grad_b[m, t, d] * before[d]
            if shared:
                factor = a[m, t, 0]
                for d in range(channels):
                    carry[d] = factor * grad_b[m, t, d]
            else:
                for d in range(channels):
                    carry[d] = a[m, t, d] * grad_b[m, t, d]


@compiled
def block_forward(a, b, first, h, reverse):
    """h_t = A_t h_{t-1} + b_t for blocks A_t, written into ``h``."""
    rows, length, channels, n = b.shape
    for m in range(rows):
        for step in range(length):
            t = length - 1 - step if reverse else step
            before = h[m, t + 1 if reverse else t - 1] if step > 0 else first[m]
            for d in range(channels):
                for i in range(n):
                    value = b[m, t, d, i]
                    for j in range(n):
                        value += a[m, t, d, i, j] * before[d, j]
                    h[m, t, d, i] = value


@compiled
def block_backward(a, h, first, grad, grad_a, grad_b, grad_first, reverse):
    """Gradients by A and b from those by h; ``grad_a`` may be empty."""
    rows, length, channels, n = h.shape
    want_a = grad_a.shape[1] > 0
    for m in range(rows):
        carry = grad_first[m]
        for d in range(channels):
            for i in range(n):
                carry[d, i] = 0.0
        for step in range(length - 1, -1, -1):
            t = length - 1 - step if reverse else step
            before = h[m, t + 1 if reverse else t - 1] if step > 0 else first[m]
            for d in range(channels):
                for i in range(n):
                    grad_b[m, t, d, i] = grad[m, t, d, i] + carry[d, i]
                for j in range(n):
                    value = carry[d, j] * 0
                    for i in range(n):
                        value += a[m, t, d, i, j] * grad_b[m, t, d, i]
                        if want_a:
                            grad_a[m, t, d, i, j] = grad_b[m, t, d, i] * before[d, j]
                    carry[d, j] = value
