"""The block scan against the recurrence and against a product of dense matrices."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit.ops.block_scan import block_scan, block_scan_reference
from graphkit.ops.block_scan import op as room


def draw(size, length, rows=2, channels=3, seed=0):
    make = torch.Generator().manual_seed(seed)
    A = torch.randn(size, size, rows, length, channels, generator=make, dtype=torch.float64)
    b = torch.randn(size, rows, length, channels, generator=make, dtype=torch.float64)
    return A, b


@pytest.fixture(params=["loop", "levels"])
def back_end(request, monkeypatch):
    if request.param == "levels":
        monkeypatch.setattr(room, "use_compiled", lambda *tensors: False)
    return request.param


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("length", [0, 1, 2, 4, 5, 8, 9, 31, 64])
@pytest.mark.parametrize("reverse", [False, True])
def test_equals_the_recurrence(size, length, reverse, back_end):
    A, b = draw(size, length)
    want = block_scan_reference(A, b, reverse)
    torch.testing.assert_close(block_scan(A, b, reverse), want, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(length=st.integers(1, 70), seed=st.integers(0, 99), size=st.sampled_from([1, 2]))
def test_levels_equal_the_recurrence(length, seed, size):
    A, b = draw(size, length, seed=seed)
    torch.testing.assert_close(room._scan(A, b), block_scan_reference(A, b), rtol=1e-9, atol=1e-9)


def test_equals_dense_matrices(back_end):
    A, b = draw(2, 7, rows=1, channels=2)
    h, dense = torch.zeros(4, dtype=torch.float64), []
    for t in range(7):
        M = torch.zeros(4, 4, dtype=torch.float64)  # states first, then channels
        for i in range(2):
            for j in range(2):
                M[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = A[i, j, 0, t].diag()
        h = M @ h + b[:, 0, t].reshape(4)
        dense.append(h.view(2, 2))
    got = block_scan(A, b)[:, 0].transpose(0, 1)
    torch.testing.assert_close(got, torch.stack(dense), rtol=1e-12, atol=1e-12)


def test_strided_input(back_end):
    A, b = draw(2, 12)
    A, b = A[..., ::2, :], b[..., ::2, :]
    want = block_scan_reference(A, b)
    torch.testing.assert_close(block_scan(A, b), want, rtol=1e-12, atol=1e-12)
