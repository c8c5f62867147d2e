"""Softmax over prefixes: all forms against a masked softmax; the operator's laws; stability."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkit.errors import UnknownNameError
from graphkit.ops.softmax_scan import (
    SOFTMAX_FORMS,
    Softmax,
    merge_softmax,
    softmax_scan,
    softmax_scan_reference,
    softmax_value,
)

RUNS = [("parallel", 64), ("recurrent", 64), *(("chunkwise", c) for c in (1, 3, 16, 64))]


def draw(*lead: int, length: int = 17, scale: float = 1.0, dtype=torch.float64):
    s = (torch.randn(*lead, length, dtype=dtype) * scale).requires_grad_()
    return s, torch.randn(*lead, length, 3, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize(("form", "chunk"), RUNS)
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_equals_a_masked_softmax(form, chunk, scale) -> None:
    s, v = draw(2, 3, scale=scale)
    got, last = softmax_scan(s, v, form=form, chunk_size=chunk)
    want = softmax_scan_reference(s, v)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    torch.testing.assert_close(softmax_value(last), want[..., -1, :], rtol=0, atol=1e-12)
    grad = torch.randn_like(want)
    for a, b in zip(
        torch.autograd.grad(got, (s, v), grad, retain_graph=True),
        torch.autograd.grad(want, (s, v), grad),
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("form", "chunk"), RUNS)
def test_goes_on_from_a_state_and_leaves_tokens_out(form, chunk) -> None:
    s, v = (x.detach() for x in draw(4))
    keep = torch.rand(4, 17) < 0.5
    keep[0, :5], keep[1] = False, False
    masked = torch.where(keep, s, -torch.inf)
    got, last = softmax_scan(masked, v, form=form, chunk_size=chunk)
    assert bool(got.isfinite().all())
    assert not got[1].any()
    assert last.m[1].isneginf()
    for row in (0, 2, 3):
        want = softmax_scan_reference(s[row, keep[row]], v[row, keep[row]])
        torch.testing.assert_close(got[row, keep[row]], want)
    assert not got[0, :5].any()
    head, state = softmax_scan(masked[:, :6], v[:, :6], form=form, chunk_size=chunk)
    tail, end = softmax_scan(masked[:, 6:], v[:, 6:], state, form=form, chunk_size=chunk)
    torch.testing.assert_close(torch.cat([head, tail], 1), got)
    for a, b in zip(end, last):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("form", "chunk"), RUNS)
def test_gradients_where_nothing_is_seen_are_zero(form, chunk) -> None:
    s, v = draw(2)
    mask = torch.arange(17) >= torch.tensor([[4], [17]])
    y, _ = softmax_scan(torch.where(mask, s, -torch.inf), v, form=form, chunk_size=chunk)
    for grad in torch.autograd.grad(y.square().sum(), (s, v)):
        assert bool(grad.isfinite().all())
        assert not grad[~mask].any()


@pytest.mark.parametrize("form", SOFTMAX_FORMS)
def test_finite_differences(form) -> None:
    s, v = draw(1, length=5)
    before = softmax_scan(*(x.detach() for x in draw(1, length=3)))[1]
    u, w = (x.detach().requires_grad_() for x in before[1:])

    def call(s, v, u, w):
        return softmax_scan(s, v, Softmax(before.m, u, w), form=form, chunk_size=2)[0]

    assert torch.autograd.gradcheck(call, (s, v, u, w))


sets = st.lists(
    st.tuples(st.one_of(st.floats(-1e3, 1e3), st.just(-float("inf"))), st.floats(-5, 5)), max_size=4
)


def state_of(tokens) -> Softmax:
    nothing = Softmax(*(torch.tensor(x, dtype=torch.float64) for x in (-torch.inf, 0.0, [0.0])))
    for s, v in tokens:
        seen = 0.0 if s == -float("inf") else 1.0
        leaf = (torch.tensor(x, dtype=torch.float64) for x in (s, seen, [v]))
        nothing = merge_softmax(nothing, Softmax(*leaf))
    return nothing


@given(sets, sets, sets)
@settings(max_examples=25)
def test_merging_sets_in_any_order(a, b, c) -> None:
    x, y, z = (state_of(tokens) for tokens in (a, b, c))
    want = state_of([*a, *b, *c])
    for got in (
        merge_softmax(merge_softmax(x, y), z),
        merge_softmax(x, merge_softmax(y, z)),
        merge_softmax(merge_softmax(z, x), y),
        merge_softmax(want, state_of([])),
    ):
        assert all(not part.isnan().any() for part in got)
        for p, q in zip(got, want):
            torch.testing.assert_close(p, q)


def test_many_steps_in_float32_do_not_drift() -> None:
    s, v = draw(1, length=100_000, scale=3.0, dtype=torch.float32)
    with torch.no_grad():
        got, want = softmax_scan(s, v)[0], softmax_scan(s.double(), v.double())[0]
    tail = want[:, 1000:].norm()
    assert (got[:, 1000:] - want[:, 1000:]).norm() < 1e-4 * tail


def test_half_precision_and_names() -> None:
    s, v = draw(1, dtype=torch.bfloat16)
    y, last = softmax_scan(s, v)
    assert y.dtype == torch.bfloat16
    assert last.u.dtype == torch.float32
    with pytest.raises(UnknownNameError, match="chunkwise"):
        softmax_scan(s, v, form="chunk")
