"""The counter-based generator inside compiled loops, bit for bit that of tensors."""

from __future__ import annotations

import numpy as np

from graphkit.ops.compiled import compiled

__all__ = ["GAMMA", "MUL1", "MUL2", "absorb", "unit"]

GAMMA = 0x9E3779B97F4A7C15
MUL1 = 0xBF58476D1CE4E5B9
MUL2 = 0x94D049BB133111EB


@compiled
def absorb(h, x):  # type: ignore[no-untyped-def]
    """The hash of ``(*ints, x)``, where ``h`` is that of ``ints`` (0 of none); both uint64."""
    h = (h ^ x) + np.uint64(GAMMA)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(MUL1)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(MUL2)
    return h ^ (h >> np.uint64(31))


@compiled
def unit(h):  # type: ignore[no-untyped-def]
    """The number in [0, 1) that :func:`~graphkit.ops.counter_rng.op.uniform` makes of a hash."""
    return np.float64(h >> np.uint64(11)) * 2.0**-53
