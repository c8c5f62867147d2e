"""The gates of a matrix GRU as loops: one pass where tensor operations take several.

Arguments are numpy views with a row for each of the k columns of the matrix: ``both``
``[steps + 1, k, 2 d]`` are the states and, beside each, R times it; ``gates`` ``[steps, k, 2 d]`` Z
and R; ``new`` ``[steps, k, d]`` the candidates. Rows are taken out before a loop over them, so that
it is compiled to vector instructions.
"""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["keep", "mix", "through_candidate", "through_reset"]


@compiled
def keep(t, both, gates):  # type: ignore[no-untyped-def]
    """R H beside H."""
    k, d = both.shape[1], both.shape[2] // 2
    for i in range(k):
        h, r, out = both[t, i, :d], gates[t, i, d:], both[t, i, d:]
        for j in range(d):
            out[j] = r[j] * h[j]


@compiled
def mix(t, both, gates, new):  # type: ignore[no-untyped-def]
    """The candidate's tanh from the sigmoid of twice its argument; the next state."""
    _, k, d = new.shape
    one = new.dtype.type(1)  # an integer would make it double
    for i in range(k):
        h, z, n, out = both[t, i, :d], gates[t, i, :d], new[t, i], both[t + 1, i, :d]
        for j in range(d):
            n[j] = n[j] + n[j] - one
            out[j] = h[j] + z[j] * (n[j] - h[j])


@compiled
def through_candidate(t, both, gates, new, h_grad, pulled):  # type: ignore[no-untyped-def]
    """What comes back through Z and the candidate: ``pulled`` ``[steps, k, 3 d]`` but for R.

    ``h_grad`` ``[k, d]`` goes on with what passes by both.
    """
    _, k, d = new.shape
    for i in range(k):
        h, z, n, g = both[t, i, :d], gates[t, i, :d], new[t, i], h_grad[i]
        of_z, of_n = pulled[t, i, :d], pulled[t, i, 2 * d :]
        for j in range(d):
            part = g[j] * z[j]
            of_z[j] = (n[j] - h[j]) * (part - part * z[j])
            of_n[j] = part - part * n[j] * n[j]
            g[j] -= part


@compiled
def through_reset(t, both, gates, of_kept, h_grad, pulled):  # type: ignore[no-untyped-def]
    """What comes back through R, from the gradient ``of_kept`` ``[k, d]`` of R H."""
    k, d = of_kept.shape
    for i in range(k):
        r, m, q, g = gates[t, i, d:], both[t, i, d:], of_kept[i], h_grad[i]
        of_r = pulled[t, i, d : 2 * d]
        for j in range(d):
            of_r[j] = q[j] * (m[j] - m[j] * r[j])
            g[j] += q[j] * r[j]
