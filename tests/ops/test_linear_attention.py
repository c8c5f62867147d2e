"""Linear attention with decay: all forms against the double sum, for mild and absurd decays."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import logsigmoid

from graphkit.errors import GraphError, UnknownNameError
from graphkit.ops.linear_attention import (
    ATTENTION_FORMS,
    linear_attention,
    linear_attention_reference,
    linear_attention_step,
)
from graphkit.ops.linear_attention import op as module

L, DK, DV = 13, 4, 3
RUNS = [("parallel", 1), ("recurrent", 1), *(("chunkwise", c) for c in (1, 3, 16, L, 8))]


def draw(tau: float | None = 16.0, *, shared: bool = False, length: int = L, lead=(2, 2)):
    """q, k, v, log_decay; a small tau is a strong decay, None is none."""
    q, k = (torch.randn(*lead, length, DK, dtype=torch.float64) for _ in range(2))
    v = torch.randn(*lead, length, DV, dtype=torch.float64)
    g = None
    if tau is not None:
        g = logsigmoid(torch.randn(*lead, length, 1 if shared else DK, dtype=torch.float64)) / tau
    return [None if x is None else x.requires_grad_() for x in (q, k, v, g)]


@pytest.mark.parametrize(("form", "chunk"), RUNS)
@pytest.mark.parametrize("tau", [16.0, 1.0, 0.05, 1e-4, None])
@pytest.mark.parametrize("shared", [False, True])
def test_equals_the_double_sum(form, chunk, tau, shared) -> None:
    given = draw(tau, shared=shared)
    got, _ = linear_attention(*given, form=form, chunk_size=chunk)
    want = linear_attention_reference(*given)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    grad, leaves = torch.randn_like(want), [x for x in given if x is not None]
    for a, b in zip(
        torch.autograd.grad(got, leaves, grad), torch.autograd.grad(want, leaves, grad)
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("tau", [1.0, 0.05])
def test_halves_need_no_luck(tau, monkeypatch) -> None:
    """On a GPU nobody looks whether one reference would do: the halves serve always."""
    monkeypatch.setattr(module, "_SAFE", {torch.float64: 0.0})
    for length in (1, 2, 5, 8, 13):
        given = draw(tau, length=length)
        got, _ = linear_attention(*given, form="parallel")
        torch.testing.assert_close(got, linear_attention_reference(*given), rtol=0, atol=1e-12)


def test_without_decay_it_is_a_running_sum() -> None:
    q, k, v, _ = draw(None)
    sums = (k.unsqueeze(-1) * v.unsqueeze(-2)).cumsum(-3)
    want = (q.unsqueeze(-2) @ sums).squeeze(-2)
    zero = torch.zeros(2, 2, L, DK, dtype=torch.float64)
    for g in (None, zero):
        got, state = linear_attention(q, k, v, g, chunk_size=4)
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(state, sums[..., -1, :, :])


@pytest.mark.parametrize(("form", "chunk"), RUNS)
@pytest.mark.parametrize("shared", [False, True])
def test_goes_on_from_a_state(form, chunk, shared) -> None:
    q, k, v, g = draw(1.0, shared=shared)
    want, end = linear_attention(q, k, v, g, form=form, chunk_size=chunk)
    for cut in (1, 6, 12):
        head = [x[..., :cut, :] for x in (q, k, v, g)]
        tail = [x[..., cut:, :] for x in (q, k, v, g)]
        first, state = linear_attention(*head, form=form, chunk_size=chunk)
        then, last = linear_attention(*tail, state, form=form, chunk_size=chunk)
        torch.testing.assert_close(torch.cat([first, then], -2), want)
        torch.testing.assert_close(last, end)
    state = torch.zeros(2, 2, DK, DV, dtype=torch.float64)
    for t in range(L):
        out, state = linear_attention_step(*(x[..., t, :] for x in (q, k, v, g)), state)
        torch.testing.assert_close(out, want[..., t, :])


@pytest.mark.parametrize(("form", "chunk"), RUNS)
def test_a_position_without_key_and_decay_leaves_no_trace(form, chunk) -> None:
    q, k, v, g = (x.detach() for x in draw(1.0))
    keep = torch.tensor([1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0]).bool()
    wide = [q, *(torch.where(keep.unsqueeze(-1), x, 0) for x in (k, v, g))]
    got, state = linear_attention(*wide, form=form, chunk_size=chunk)
    want, end = linear_attention(*(x[..., keep, :] for x in (q, k, v, g)))
    torch.testing.assert_close(got[..., keep, :], want)
    torch.testing.assert_close(state, end)


def test_gradient_of_the_gate_in_closed_form() -> None:
    """d log b = q dq - k dk, and d log a its sum over all later positions."""
    q, k, v, g = draw(1.0)
    out, _ = linear_attention(q, k, v, g, chunk_size=4)
    dq, dk, dg = torch.autograd.grad(out, (q, k, g), torch.randn_like(out))
    torch.testing.assert_close(
        dg, (q * dq - k * dk).flip(-2).cumsum(-2).flip(-2), rtol=0, atol=1e-11
    )


@pytest.mark.parametrize("form", ATTENTION_FORMS)
@pytest.mark.parametrize("shared", [False, True])
def test_finite_differences(form, shared) -> None:
    given = draw(1.0, shared=shared, length=6, lead=(1,))
    initial = torch.randn(1, DK, DV, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *x: linear_attention(*x, form=form, chunk_size=4), (*given, initial)
    )


@pytest.mark.parametrize("form", ["parallel", "chunkwise"])
def test_long_and_strong_in_float32(form) -> None:
    q, k, v, g = (x.detach().float() for x in draw(1.0, length=2000, lead=(1,)))
    for gate in (g - 4.6, 1000 * g, 0 * g):  # gates of 0.01 and less, gates that underflow, none
        leaves = [x.clone().requires_grad_() for x in (q, k, v, gate)]
        out, state = linear_attention(*leaves, form=form)
        assert bool(out.isfinite().all())
        assert bool(state.isfinite().all())
        for grad in torch.autograd.grad(out.sum(), leaves):
            assert bool(grad.isfinite().all())
        want = linear_attention(*(x.double() for x in leaves), form="recurrent")[0]
        torch.testing.assert_close(out.double(), want, rtol=1e-3, atol=1e-3)


def test_types_and_what_does_not_fit() -> None:
    q, k, v, g = (x.detach() for x in draw())
    out, state = linear_attention(*(x.bfloat16() for x in (q, k, v, g)))
    assert (out.dtype, state.dtype) == (torch.bfloat16, torch.float32)
    with pytest.raises(UnknownNameError, match="chunkwise"):
        linear_attention(q, k, v, form="chunked")
    with pytest.raises(UnknownNameError, match="fla"):
        linear_attention(q, k, v, kernels="flash")
    same = linear_attention(q, k, v, g, kernels="fla")[0]  # not on a GPU: plain torch
    assert torch.equal(same, linear_attention(q, k, v, g)[0])
    with pytest.raises(GraphError, match=r"'log_decay'.*expected \[\.\.\., 13, 4\] or"):
        linear_attention(q, k, v, g[..., :3])


def test_gpu_and_the_kernels_of_flash_linear_attention(cuda) -> None:
    q, k, v, g = (x.detach().float() for x in draw(16.0, length=70))
    want, state = linear_attention(q, k, v, g)
    moved = [x.to(cuda) for x in (q, k, v, g)]
    got, end = linear_attention(*moved)
    torch.testing.assert_close(got.cpu(), want, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(end.cpu(), state, rtol=1e-3, atol=1e-3)
    pytest.importorskip("fla.ops.gla", reason="flash-linear-attention is not installed")
    theirs, end = linear_attention(*moved, kernels="fla")
    torch.testing.assert_close(theirs.cpu(), want, rtol=5e-3, atol=5e-3)
    torch.testing.assert_close(end.cpu(), state, rtol=5e-3, atol=5e-3)
