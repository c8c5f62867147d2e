"""Several steps of a matrix GRU at once, and their gradient, against the equations as written."""

import pytest
import torch

from graphkit.ops.matrix_gru_steps import matrix_gru_steps, matrix_gru_steps_reference
from graphkit.ops.matrix_gru_steps import op as module


def inputs_of(d, k, own, steps=None, dtype=torch.float64):
    torch.manual_seed(d)
    draw = lambda *shape: torch.randn(*shape, dtype=dtype).requires_grad_()  # noqa: E731
    given = draw(k, 3 * d) if steps is None else draw(steps, k, 3 * d)
    return [draw(k, d), given, draw(3 * d, d), draw(3 * d, d) if own else None]


@pytest.fixture(params=["loops", "tensors"])
def path(request, monkeypatch):
    if request.param == "tensors":
        monkeypatch.setattr(module, "use_compiled", lambda *_: False)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("d, k, steps", [(1, 1, 1), (4, 3, 1), (3, 5, 6), (8, 2, 3), (11, 4, 2)])
def test_equals_the_equations_and_their_gradient(path, own, constant, d, k, steps):
    inputs = inputs_of(d, k, own, None if constant else steps)
    got, want = (
        torch.stack(f(*inputs, steps)) for f in (matrix_gru_steps, matrix_gru_steps_reference)
    )
    assert got.shape == (steps, k, d)
    torch.testing.assert_close(got, want)
    inputs = [t for t in inputs if t is not None]
    last = torch.eye(steps, dtype=torch.float64)[-1].view(-1, 1, 1)
    for weight in (torch.randn_like(want), last):
        totals = [(out * weight).sum() for out in (got, want)]
        pair = [torch.autograd.grad(total, inputs, retain_graph=True) for total in totals]
        for a, b in zip(*pair):
            torch.testing.assert_close(a, b)


def test_a_gradient_of_some_steps_only(path):
    inputs = inputs_of(3, 2, True)
    for t in range(4):
        pair = [
            torch.autograd.grad(f(*inputs, 4)[t].square().sum(), inputs)
            for f in (matrix_gru_steps, matrix_gru_steps_reference)
        ]
        for a, b in zip(*pair):
            torch.testing.assert_close(a, b)


def test_single_precision_is_as_exact_as_its_products(path):
    single = inputs_of(40, 10, True, dtype=torch.float32)
    double = [t.detach().double() for t in single]
    got, want = matrix_gru_steps(*single, 5)[-1], matrix_gru_steps_reference(*double, 5)[-1]
    plain = matrix_gru_steps_reference(*single, 5)[-1]
    assert (got - want).abs().max() < 3 * (plain - want).abs().max()


def test_saturated_gates(path):
    state, _, hidden, own = (t.detach().float() for t in inputs_of(5, 3, True))
    for bias, want, off in ((-200.0, state, 0), (200.0, torch.ones_like(state), 2e-7)):
        given = torch.full((3, 15), bias)
        got = matrix_gru_steps(state, given, hidden, own, 1)[0]
        torch.testing.assert_close(got, want, rtol=0, atol=off)


def test_only_what_needs_a_gradient_gets_one_and_inputs_stay_as_they_are(path):
    inputs = [t.detach() for t in inputs_of(2, 3, True, dtype=torch.float32)]
    before = [t.clone() for t in inputs]
    inputs[2].requires_grad_()
    torch.stack(matrix_gru_steps(*inputs, 4)).sum().backward()
    assert inputs[2].grad.any()
    assert inputs[3].grad is None
    assert all(torch.equal(a, b) for a, b in zip(before, inputs))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu():
    inputs = [t.detach() for t in inputs_of(2, 3, True, dtype=torch.float32)]
    got = matrix_gru_steps(*(t.cuda() for t in inputs), 4)[-1]
    torch.testing.assert_close(got.cpu(), matrix_gru_steps(*inputs, 4)[-1], rtol=1e-4, atol=1e-5)
