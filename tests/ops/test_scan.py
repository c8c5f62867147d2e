"""Affine scans: every back end against the loop, forward and gradient; errors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit.errors import GraphError, UnknownNameError
from graphkit.ops.compiled import use_compiled
from graphkit.ops.scan import SCAN_METHODS, affine_scan, affine_scan_reference
from graphkit.ops.scan import op as module

METHODS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            (name == "compiled" and not use_compiled())
            or (name == "associative_scan" and module._find_associative_scan() is None),
            reason="not available here",
        ),
    )
    for name in (*SCAN_METHODS, None)
]


def arguments(kind: str, length: int, lead: tuple[int, ...] = (2,), dtype=torch.float64):
    """``(a, b, initial)`` with D = 3, n = 2."""
    tail = (3, 2) if kind == "block" else (3,)
    factors = {"block": (3, 2, 2), "shared": (1,), "diagonal": (3,)}[kind]
    return [
        (torch.rand(*lead, length, *factors, dtype=dtype) * 1.2 - 0.4).requires_grad_(),
        torch.randn(*lead, length, *tail, dtype=dtype, requires_grad=True),
        torch.randn(*lead, *tail, dtype=dtype, requires_grad=True),
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["diagonal", "shared", "block"])
def test_equals_the_loop_forward_and_backward(method, reverse, kind) -> None:
    options = {"reverse": reverse, "block": kind == "block"}
    for length in (1, 2, 7, 16):
        given_ = arguments(kind, length)
        got = affine_scan(*given_, method=method, **options)
        want = affine_scan_reference(*given_, **options)
        torch.testing.assert_close(got, want)
        grad = torch.randn_like(want)
        for a, b in zip(
            torch.autograd.grad(got, given_, grad), torch.autograd.grad(want, given_, grad)
        ):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["diagonal", "shared", "block"])
def test_finite_differences(method, kind) -> None:
    block = kind == "block"
    given_ = arguments(kind, 4, lead=(1,))

    def call(*args):
        return affine_scan(*args, method=method, block=block)

    assert torch.autograd.gradcheck(call, given_)
    if method != "associative_scan" or kind == "diagonal":  # slow to trace
        assert torch.autograd.gradgradcheck(call, given_)


@given(st.integers(1, 6), st.integers(1, 4), st.booleans(), st.data())
@settings(max_examples=20)
def test_in_plain_numbers(length, channels, reverse, data) -> None:
    numbers = st.floats(-2, 2, allow_nan=False)
    table = st.lists(
        st.lists(numbers, min_size=channels, max_size=channels), min_size=length, max_size=length
    )
    a, b = data.draw(table), data.draw(table)
    got = affine_scan(
        torch.tensor(a, dtype=torch.float64),
        torch.tensor(b, dtype=torch.float64),
        torch.ones(channels, dtype=torch.float64),
        reverse=reverse,
    )
    h = [1.0] * channels
    for t in reversed(range(length)) if reverse else range(length):
        h = [x * y + z for x, y, z in zip(a[t], h, b[t])]
        torch.testing.assert_close(got[t], torch.tensor(h, dtype=torch.float64))


@pytest.mark.parametrize("method", METHODS)
def test_only_what_needs_a_gradient_gets_one(method) -> None:
    a, b, _ = arguments("diagonal", 5)
    (grad,) = torch.autograd.grad(affine_scan(a.detach(), b, method=method).sum(), b)
    torch.testing.assert_close(grad, torch.autograd.grad(affine_scan_reference(a, b).sum(), b)[0])
    (grad,) = torch.autograd.grad(affine_scan(a, b.detach(), method=method).sum(), a)
    torch.testing.assert_close(grad, torch.autograd.grad(affine_scan_reference(a, b).sum(), a)[0])


@pytest.mark.parametrize("method", METHODS)
def test_no_position_and_no_row(method) -> None:
    assert affine_scan(torch.rand(2, 0, 3), torch.rand(2, 0, 3), method=method).shape == (2, 0, 3)
    assert affine_scan(torch.rand(0, 4, 3), torch.rand(0, 4, 3), method=method).shape == (0, 4, 3)


@pytest.mark.parametrize("method", METHODS)
def test_decays_that_underflow_and_long_sequences(method) -> None:
    a, b = torch.full((1, 3000, 2), 1e-30), torch.ones(1, 3000, 2)
    a[:, 1500:] = 0.999
    h = affine_scan(a, b, method=method)
    want = affine_scan_reference(a.double(), b.double())
    torch.testing.assert_close(h.double(), want, rtol=1e-4, atol=1e-4)


def test_leading_axes_broadcast_and_half_precision_sums_in_float32() -> None:
    a, b = torch.rand(5, 2), torch.randn(3, 4, 5, 2)
    got = affine_scan(a, b, torch.ones(2))
    assert got.shape == b.shape
    torch.testing.assert_close(got[1, 2], affine_scan_reference(a, b[1, 2], torch.ones(2)))
    ones = torch.ones(1, 1000, 1, dtype=torch.bfloat16)
    assert affine_scan(ones, ones)[0, -1].item() == 1000  # bfloat16 would stop at 256


def test_the_default_without_numba(monkeypatch) -> None:
    monkeypatch.setattr(module, "use_compiled", lambda *tensors: False)
    small, large = torch.rand(1, 4, 2), torch.rand(1, 4, 4096)
    assert module._choose(small, small, small) == "doubling"
    assert module._choose(large, large, large) == "loop"
    torch.testing.assert_close(affine_scan(small, small), affine_scan_reference(small, small))


def test_what_does_not_fit() -> None:
    a, b = torch.rand(2, 5, 3), torch.rand(2, 5, 3)
    with pytest.raises(GraphError, match=r"'a': does not fit b; expected \(5, 3\)"):
        affine_scan(a[:, :4], b)
    with pytest.raises(GraphError, match=r"'a': does not fit b; expected \(5, 3, 2, 2\)"):
        affine_scan(torch.rand(2, 5, 3, 2, 3), torch.rand(2, 5, 3, 2), block=True)
    with pytest.raises(GraphError, match="'initial'"):
        affine_scan(a, b, torch.rand(2, 4))
    with pytest.raises(GraphError, match="too few axes"):
        affine_scan(a[0, 0], b[0, 0])
    with pytest.raises(UnknownNameError, match="doubling"):
        affine_scan(a, b, method="doublin")


def test_without_torchs_scan(monkeypatch) -> None:
    monkeypatch.setattr(module, "_find_associative_scan", lambda: None)
    with pytest.raises(GraphError, match="has no associative_scan"):
        affine_scan(torch.rand(1, 3, 2), torch.rand(1, 3, 2), method="associative_scan")


@pytest.mark.parametrize("method", ["loop", "doubling", None])
def test_gpu(cuda, method) -> None:
    a, b, initial = arguments("diagonal", 33)
    want = affine_scan(a, b, initial)
    got = affine_scan(a.to(cuda), b.to(cuda), initial.to(cuda), method=method)
    torch.testing.assert_close(got.cpu(), want)
