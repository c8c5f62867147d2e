"""The loops of the gates against sums written out."""

import numpy as np
import pytest

from graphkit.ops.propagate.loops import add_gated, look, pull_back


@pytest.mark.parametrize("shape", [(4, 3, 5), (1, 1, 1), (3, 2, 9)])
def test_loops(shape):
    rng = np.random.default_rng(0)
    n, c, r = shape
    h, dout, out = (rng.normal(size=shape) for _ in range(3))
    s, b, gate = rng.normal(size=(c, r)), rng.normal(size=r), rng.random((n, r))
    score = np.full((n, r), np.nan)
    look(h, s, b, score)
    np.testing.assert_allclose(score, np.einsum("icr,cr->ir", h, s) + b)
    total = out.copy()
    add_gated(h, gate, total)
    np.testing.assert_allclose(total, out + gate[:, None] * h)
    q, local = np.full((n, r), np.nan), np.full(shape, np.nan)
    begun = rng.normal(size=(c, r))
    ds = begun.copy()
    pull_back(h, dout, gate, s, q, ds, local)
    expected = gate * (1 - gate) * np.einsum("icr,icr->ir", h, dout)
    np.testing.assert_allclose(q, expected)
    np.testing.assert_allclose(ds, begun + np.einsum("icr,ir->cr", h, expected))
    np.testing.assert_allclose(local, gate[:, None] * dout + expected[:, None] * s)
