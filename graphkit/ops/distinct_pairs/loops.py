"""Distinct pairs as a loop over draws, with one bit for each pair that may be drawn."""

from __future__ import annotations

import numpy as np

from graphkit.ops.compiled import compiled
from graphkit.ops.counter_rng.loops import absorb

__all__ = ["draw_pairs"]

_BLOCK = 256  # draws at once, by vector instructions


@compiled
def draw_pairs(different, place, targets, cells, taken, starts, num_nodes, most, out):  # type: ignore[no-untyped-def]
    one, low, word = np.uint64(1), np.uint64(63), np.uint64(6)
    for cell in cells:
        taken[cell >> 6] |= one << (np.uint64(cell) & low)
    sizes = (place.shape[0], targets.shape[0])
    drawn = np.empty((2, _BLOCK), np.int64)
    number = 0
    for begin in range(0, most, _BLOCK):
        for which in range(2):  # counter_rng.integers, all but i being absorbed
            start, size, found = starts[which], sizes[which], drawn[which]
            inverse = 1.0 / size
            for i in range(_BLOCK):
                rest = np.int64(absorb(start, np.uint64(begin + i)) >> one)
                # The rest of a division by size: integers of 64 bits have no vector instruction
                # for it. Products with 1 / size in float64 leave less than size + 2^12, then less
                # than size, or size itself, of either sign.
                rest -= np.int64(rest * inverse) * size
                rest -= np.int64(rest * inverse) * size
                rest += size if rest < 0 else 0
                rest -= size if rest >= size else 0
                found[i] = rest
        for i in range(min(_BLOCK, most - begin)):
            row, dst = place[drawn[0, i]], targets[drawn[1, i]]
            src = different[row]
            if src == dst:
                continue
            cell = np.uint64(row * num_nodes + dst)
            bit = one << (cell & low)
            if taken[cell >> word] & bit:
                continue
            taken[cell >> word] |= bit
            out[0, number] = src
            out[1, number] = dst
            number += 1
            if number == out.shape[1]:
                return number
    return number
