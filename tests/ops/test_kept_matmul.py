"""Products with the kept entries of a sparse matrix, against dense ones."""

import numpy as np
import pytest

from graphkit.ops.kept_matmul.loops import kept_times, kept_transposed_times


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_products(share):
    rng = np.random.default_rng(1)
    dense = rng.normal(size=(6, 5)) * (rng.random((6, 5)) < 0.5)
    dense[2] = 0
    rows, index = dense.nonzero()
    indptr = np.searchsorted(rows, np.arange(7)).astype(np.int32)
    index, value = index.astype(np.int32), dense[rows, index]
    kept = rng.random(len(value)) < share
    left = np.zeros_like(dense)
    left[rows[kept], index[kept]] = value[kept] * 1.5
    right, out = rng.normal(size=(5, 3)), np.full((6, 3), np.nan)
    kept_times(indptr, index, value, kept, 1.5, right, out)
    np.testing.assert_allclose(out, left @ right)
    right, out = rng.normal(size=(6, 3)), np.full((5, 3), np.nan)
    kept_transposed_times(indptr, index, value, kept, 1.5, right, out)
    np.testing.assert_allclose(out, left.T @ right)
