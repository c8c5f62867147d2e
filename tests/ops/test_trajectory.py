"""Cells of ParaRNN and Newton's method over their trajectories, against loops and autograd."""

import itertools
import math

import pytest
import torch

from graphkit.ops.block_scan import block_scan
from graphkit.ops.trajectory import NewtonReport, sequential, trajectory
from graphkit.ops.trajectory.cells import PARA_GRU, PARA_LSTM

CELLS = {"gru": PARA_GRU, "lstm": PARA_LSTM}


def problem(cell, length, rows=2, channels=4, std=0.5, seed=0):
    make = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=make, dtype=torch.float64)

    x = normal(cell.num_inputs, rows, length, channels)
    weight = std * normal(cell.num_weights, channels)
    start = torch.tanh(normal(cell.num_states, rows, channels))
    return [value.requires_grad_() for value in (x, weight, start)]


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def gru_by_numbers(state, x, a):
    (h,) = state
    z, r = sigmoid(a[0] * h + x[0]), sigmoid(a[1] * h + x[1])
    c = math.tanh(a[2] * h * r + x[2])
    return [(1 - z) * h + z * c]


def lstm_by_numbers(state, x, w):
    c, h = state
    a_f, a_o, a_g, p_f, p_o = w
    f = sigmoid(a_f * h + p_f * c + x[0])
    g = math.tanh(a_g * h + x[2])
    new = f * c + (1 - f) * g
    return [new, sigmoid(a_o * h + p_o * new + x[1]) * math.tanh(new)]


@pytest.mark.parametrize("cell, plain", [(PARA_GRU, gru_by_numbers), (PARA_LSTM, lstm_by_numbers)])
def test_cell_equals_its_equations(cell, plain):
    x, weight, start = problem(cell, 1, channels=3)
    got = cell.value(start, x[:, :, 0], weight)
    for row in range(2):
        for d in range(3):
            want = plain(start[:, row, d].tolist(), x[:, row, 0, d].tolist(), weight[:, d].tolist())
            assert got[:, row, d].tolist() == pytest.approx(want, abs=1e-14)


@pytest.mark.parametrize("name", CELLS)
def test_jacobian_and_pullback_equal_autograd(name):
    cell = CELLS[name]
    x, weight, start = problem(cell, 1, rows=1, channels=3)
    x = x[:, 0, 0].detach().requires_grad_()
    state = start[:, 0].detach().requires_grad_()
    value, blocks = cell.linearize(state, x, weight)
    torch.testing.assert_close(value, cell.value(state, x, weight), rtol=1e-14, atol=1e-14)
    full = torch.func.jacrev(lambda s: cell.value(s, x, weight))(state)  # [S, D, S, D]
    for d in range(3):
        torch.testing.assert_close(full[:, d, :, d], blocks[..., d], rtol=1e-13, atol=1e-13)
        for e in {0, 1, 2} - {d}:
            assert not full[:, d, :, e].any()  # channels do not mix
    grad = torch.randn_like(value)
    want = torch.autograd.grad(cell.value(state, x, weight), (x, weight), grad)
    g_x, terms = cell.pullback(grad, state, x, weight)
    torch.testing.assert_close(g_x, want[0], rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(torch.stack(terms), want[1], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("length", [0, 1, 2, 17, 256])
@pytest.mark.parametrize("holes", [False, True])
def test_newton_equals_the_loop(name, length, holes):
    cell = CELLS[name]
    given = problem(cell, length)
    mask = torch.rand(2, length, generator=torch.Generator().manual_seed(1)) < 0.7
    mask = mask if holes else None
    report = NewtonReport()
    got = trajectory(cell, *given, mask, tolerance=1e-13, report=report)
    want = sequential(cell, *given, mask)
    assert got.shape == want.shape
    assert report.iterations <= length
    assert report.fallback_rows == 0
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    if length:
        pull = torch.randn_like(want)
        for a, b in zip(
            torch.autograd.grad(got, given, pull), torch.autograd.grad(want, given, pull)
        ):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CELLS)
def test_gradcheck(name):
    cell = CELLS[name]
    mask = torch.tensor([[True, False, True, True], [True, True, True, False]])
    given = problem(cell, 4, channels=2)
    for newton in (True, False):
        assert torch.autograd.gradcheck(
            lambda *v, newton=newton: trajectory(cell, *v, mask, newton=newton, tolerance=1e-14),
            given,
        )


class Linear:
    """h' = a h + x."""

    num_states = num_inputs = num_weights = 1

    def value(self, state, x, weight):
        return weight[0] * state + x

    def linearize(self, state, x, weight):
        value = self.value(state, x, weight)
        return value, weight[0].expand_as(value[0])[None, None]


def test_a_linear_cell_takes_one_step():
    report = NewtonReport()
    x, weight, start = (0.3 * value.detach() for value in problem(Linear(), 50))
    trajectory(Linear(), x, weight, start, tolerance=1e-12, report=report)
    assert report.iterations == 1


def test_the_error_falls_quadratically():
    x, weight, start = (v.detach() for v in problem(PARA_GRU, 128, channels=32, std=32**-0.5))
    want = sequential(PARA_GRU, x, weight, start)
    errors = []
    for steps in (1, 2, 3):
        states = PARA_GRU.value(torch.zeros_like(x[:1]), x, weight)
        for _ in range(steps):
            value, jacobian = PARA_GRU.linearize(
                torch.cat([start[:, :, None], states[:, :, :-1]], 2), x, weight
            )
            states = states + block_scan(jacobian, value - states)
        errors.append(float((states - want).abs().max()))
    for before, after in itertools.pairwise(errors):
        assert after < before**2 * 10, errors  # by factors it would be 1e-1, 1e-2, 1e-3


@pytest.mark.parametrize("name", CELLS)
def test_rows_that_do_not_converge_are_computed_in_order(name):
    cell = CELLS[name]
    x, weight, start = problem(cell, 256, rows=3, channels=8, std=8.0)
    x = x * 0.3
    report = NewtonReport()
    got = trajectory(cell, x, weight, start, report=report)
    assert report.fallback_rows > 0
    torch.testing.assert_close(got, sequential(cell, x, weight, start), rtol=0, atol=1e-11)


def test_backward_keeps_nothing_of_the_iterations():
    kept = []
    given = problem(PARA_GRU, 64, std=1.0)
    for tolerance in (1e-1, 1e-13):
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, saved=saved: saved.append(t.numel()) or t, lambda t: t
        ):
            trajectory(PARA_GRU, *given, tolerance=tolerance)
        kept.append(sum(saved))
    assert kept[0] == kept[1] > 0


def test_a_start_far_outside_is_reached():
    x, weight, start = problem(PARA_GRU, 20)
    start = start * 1e3
    torch.testing.assert_close(
        trajectory(PARA_GRU, x, weight, start), sequential(PARA_GRU, x, weight, start)
    )
