"""The gates of a matrix GRU as loops: one pass where tensor operations take several.

Arguments are numpy views with rows of ``d`` numbers, one for each of the k columns of the matrix:
``every`` ``[steps + 1, k, d]`` are the states, ``gates`` ``[steps, k, 3 d]`` Z, R and the
candidate, ``kept`` ``[steps, k, d]`` R times the state. Rows are taken out before a loop over them,
so that it is compiled to vector instructions.
"""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["keep", "mix", "through_candidate", "through_reset"]


@compiled
def keep(t, every, gates, kept):  # type: ignore[no-untyped-def]
    """``kept = R H``."""
    _, k, d = every.shape
    for i in range(k):
        h, r, out = every[t, i], gates[t, i, d : 2 * d], kept[t, i]
        for j in range(d):
            out[j] = r[j] * h[j]


@compiled
def mix(t, every, gates):  # type: ignore[no-untyped-def]
    """The candidate's tanh from the sigmoid of twice its argument; the next state."""
    _, k, d = every.shape
    one = every.dtype.type(1)  # an integer would make it double
    for i in range(k):
        h, z, n, out = every[t, i], gates[t, i, :d], gates[t, i, 2 * d :], every[t + 1, i]
        for j in range(d):
            n[j] = n[j] + n[j] - one
            out[j] = h[j] + z[j] * (n[j] - h[j])


@compiled
def through_candidate(t, every, gates, h_grad, pulled):  # type: ignore[no-untyped-def]
    """What comes back through Z and the candidate: ``pulled`` ``[steps, k, 3 d]`` but for R.

    ``h_grad`` ``[k, d]`` goes on with what passes by both.
    """
    _, k, d = every.shape
    for i in range(k):
        h, z, n, g = every[t, i], gates[t, i, :d], gates[t, i, 2 * d :], h_grad[i]
        of_z, of_n = pulled[t, i, :d], pulled[t, i, 2 * d :]
        for j in range(d):
            part = g[j] * z[j]
            of_z[j] = (n[j] - h[j]) * (part - part * z[j])
            of_n[j] = part - part * n[j] * n[j]
            g[j] -= part


@compiled
def through_reset(t, gates, kept, of_kept, h_grad, pulled):  # type: ignore[no-untyped-def]
    """What comes back through R, from the gradient ``of_kept`` ``[k, d]`` of ``kept``."""
    _, k, d = kept.shape
    for i in range(k):
        r, m, q, g = gates[t, i, d : 2 * d], kept[t, i], of_kept[i], h_grad[i]
        of_r = pulled[t, i, d : 2 * d]
        for j in range(d):
            of_r[j] = q[j] * (m[j] - m[j] * r[j])
            g[j] += q[j] * r[j]
