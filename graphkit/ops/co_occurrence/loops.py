"""Counts of shared keys as a loop over pairs."""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["count_shared"]


@compiled
def count_shared(key, u, v, of_u, of_v):  # type: ignore[no-untyped-def]
    width = key.shape[1]
    for p in range(u.shape[0]):
        a, b = u[p], v[p]
        # Padding is mostly on the left: begin where the keys do.
        first = 0
        while first < width and key[b, first] < 0:
            first += 1
        for i in range(width):
            k = key[a, i]
            if k >= 0:
                for j in range(first, width):
                    if key[b, j] == k:
                        of_u[p, i] += 1
                        of_v[p, j] += 1
