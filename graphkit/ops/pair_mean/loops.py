"""Means of neighbouring entries as a loop, and its gradient."""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["halves", "means"]


@compiled
def means(x, y):  # type: ignore[no-untyped-def]
    half = x.dtype.type(0.5)
    for i in range(y.shape[0]):
        for t in range(y.shape[1]):
            y[i, t] = (x[i, 2 * t] + x[i, 2 * t + 1]) * half


@compiled
def halves(dy, dx):  # type: ignore[no-untyped-def]
    half = dy.dtype.type(0.5)
    for i in range(dy.shape[0]):
        for t in range(dy.shape[1]):
            dx[i, 2 * t] = dy[i, t] * half
            dx[i, 2 * t + 1] = dy[i, t] * half
        for t in range(2 * dy.shape[1], dx.shape[1]):
            dx[i, t] = 0
