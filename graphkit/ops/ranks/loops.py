"""Counting for ranks as loops: where scores stand among thresholds, and who outranks a score.

Arguments are numpy views. Rows of scores may stand for several nodes, and so may columns.
"""

from __future__ import annotations

import numpy as np

from graphkit.ops.compiled import compiled

__all__ = ["cells_of", "count_reached", "count_rivals"]


@compiled
def cells_of(threshold, scale, start):  # type: ignore[no-untyped-def]
    """``start[c]`` becomes the number of thresholds in cells before ``c``.

    ``threshold`` is sorted. The cell of a value does not decrease with it, whatever is rounded, so
    thresholds in earlier cells than a value are below it.
    """
    cells = start.shape[0] - 1
    start[:] = 0
    for i in range(threshold.shape[0]):
        cell = int((threshold[i] - threshold[0]) * scale)
        start[min(max(cell, 0), cells - 1) + 1] += 1
    for c in range(cells):
        start[c + 1] += start[c]


@compiled
def count_reached(scores, threshold, scale, start, owner, weight, counts):  # type: ignore[no-untyped-def]
    """``counts[k] += `` pairs whose score reaches exactly the ``k`` lowest thresholds.

    A pair in row i and column j is ``owner[i] * weight[j]`` pairs.
    """
    rows, columns = scores.shape
    most, cells = threshold.shape[0], start.shape[0] - 1
    low, high = threshold[0], threshold[most - 1]
    for i in range(rows):
        for j in range(columns):
            s = scores[i, j]
            if s < low:
                place = 0
            elif s >= high:
                place = most
            else:
                cell = min(max(int((s - low) * scale), 0), cells - 1)
                place, end = start[cell], start[cell + 1]
                while place < end:
                    middle = (place + end) // 2
                    if threshold[middle] <= s:
                        place = middle + 1
                    else:
                        end = middle
            counts[place] += owner[i] * weight[j]


@compiled
def count_rivals(scores, row, value, weight, above, equal):  # type: ignore[no-untyped-def]
    """For every value the weight of its row's scores above it, and of those equal to it."""
    columns = scores.shape[1]
    plain = True
    for j in range(columns):
        plain = plain and weight[j] == 1
    for p in range(row.shape[0]):
        line, mine = scores[row[p]], value[p]
        if plain:
            more, same = np.int32(0), np.int32(0)
            for j in range(columns):
                more += np.int32(line[j] > mine)
                same += np.int32(line[j] == mine)
            above[p], equal[p] = more, same
        else:
            total, tied = 0.0, 0.0
            for j in range(columns):
                if line[j] > mine:
                    total += weight[j]
                elif line[j] == mine:
                    tied += weight[j]
            above[p], equal[p] = total, tied
