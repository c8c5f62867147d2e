"""Many steps of the matrix GRU: the written-out backward pass against autograd."""

import pytest
import torch

from graphkit.ops.matrix_gru_steps import matrix_gru_steps, matrix_gru_steps_reference


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("d, k, steps", [(1, 1, 1), (4, 3, 1), (3, 5, 6)])
def test_equals_the_equations_and_their_gradient(rows, constant, d, k, steps):
    torch.manual_seed(d)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64).requires_grad_()  # noqa: E731
    given = draw(3 * d, k) if constant else draw(steps, 3 * d, k)
    inputs = [draw(d, k), given, draw(rows * d, d), draw(d, d)]
    got, want = (f(*inputs, steps) for f in (matrix_gru_steps, matrix_gru_steps_reference))
    assert got.shape == (steps, d, k)
    torch.testing.assert_close(got, want)
    last = torch.eye(steps, dtype=torch.float64)[-1].view(-1, 1, 1)
    for weight in (torch.randn_like(want), last):
        totals = [(out * weight).sum() for out in (got, want)]
        pair = [torch.autograd.grad(total, inputs, retain_graph=True) for total in totals]
        for a, b in zip(*pair):
            torch.testing.assert_close(a, b)


def test_only_what_needs_a_gradient_gets_one_and_inputs_stay_as_they_are():
    torch.manual_seed(0)
    inputs = [torch.randn(2, 3), torch.randn(6, 3), torch.randn(4, 2), torch.randn(2, 2)]
    before = [t.clone() for t in inputs]
    inputs[3].requires_grad_()
    matrix_gru_steps(*inputs, 4).sum().backward()
    assert inputs[3].grad.any()
    assert all(torch.equal(a, b) for a, b in zip(before, inputs))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu():
    torch.manual_seed(0)
    inputs = [torch.randn(2, 3), torch.randn(6, 3), torch.randn(4, 2), torch.randn(2, 2)]
    got = matrix_gru_steps(*(t.cuda() for t in inputs), 4)
    torch.testing.assert_close(got.cpu(), matrix_gru_steps(*inputs, 4), rtol=1e-4, atol=1e-5)
