"""The gates of a propagation as loops: one pass where tensor operations take several.

Arguments are numpy views; n nodes, c channels, r runs, which are the innermost axis. The products
with the graph stay with torch. Rows are taken out before a loop over them, so that it is compiled
to vector instructions.
"""

from __future__ import annotations

from graphkit.ops.compiled import compiled

__all__ = ["add_gated", "look", "pull_back"]


@compiled
def look(h, s, b, score):  # [n, c, r], [c, r], [r], [n, r]
    """``score = sum over c of h * s, + b``: what the gates are the sigmoid of."""
    n, c, r = h.shape
    for i in range(n):
        total = score[i]
        for k in range(r):
            total[k] = b[k]
        for a in range(c):
            x, weight = h[i, a], s[a]
            for k in range(r):
                total[k] += x[k] * weight[k]


@compiled
def add_gated(h, gate, out):  # [n, c, r], [n, r], [n, c, r]
    """``out += gate * h``."""
    n, c, r = h.shape
    for i in range(n):
        g = gate[i]
        for a in range(c):
            x, total = h[i, a], out[i, a]
            for k in range(r):
                total[k] += g[k] * x[k]


@compiled
def pull_back(h, dout, gate, s, q, ds, local):  # h, dout, local: [n, c, r]; gate, q: [n, r]
    """``q = gate (1 - gate) <h, dout>``, ``local = gate dout + q s``, ``ds += sum of h q``."""
    n, c, r = h.shape
    for i in range(n):
        g, pull = gate[i], q[i]
        for k in range(r):
            pull[k] = 0
        for a in range(c):
            x, d = h[i, a], dout[i, a]
            for k in range(r):
                pull[k] += x[k] * d[k]
        for k in range(r):
            pull[k] *= g[k] * (1 - g[k])
        for a in range(c):
            x, d, weight, total, to = h[i, a], dout[i, a], s[a], ds[a], local[i, a]
            for k in range(r):
                total[k] += x[k] * pull[k]
                to[k] = g[k] * d[k] + pull[k] * weight[k]
