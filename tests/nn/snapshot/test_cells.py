"""Matrix cells against loops over columns, and against torch's cells where they should agree."""

import math

import pytest
import torch
from torch import nn

from graphkit.errors import UnknownNameError
from graphkit.nn.snapshot import ColumnCell, Columns, MatrixGRU, MatrixLSTM, make_cell


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def dot(row, column):
    return sum(a * b for a, b in zip(row, column))


def filled(make, d, k, seed=0):
    torch.manual_seed(seed)
    cell = make(d, k).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return cell


def gru_column(cell, j, x, h):
    """One column of the matrix GRU, number by number, from the paper's equations."""
    w, u = cell.weight_input.tolist(), cell.weight_hidden.tolist()
    b = cell.bias[:, :, j].tolist()
    d = len(h)
    z = [sigmoid(dot(w[0][i], x) + dot(u[0][i], h) + b[0][i]) for i in range(d)]
    r = [sigmoid(dot(w[1][i], x) + dot(u[1][i], h) + b[1][i]) for i in range(d)]
    rh = [r[i] * h[i] for i in range(d)]
    new = [math.tanh(dot(w[2][i], x) + dot(u[2][i], rh) + b[2][i]) for i in range(d)]
    return [(1 - z[i]) * h[i] + z[i] * new[i] for i in range(d)]


def lstm_column(cell, j, x, h, c):
    w, u = cell.weight_input.tolist(), cell.weight_hidden.tolist()
    b = cell.bias[:, :, j].tolist()
    d = len(h)

    def gate(g, i):
        return dot(w[g][i], x) + dot(u[g][i], h) + b[g][i]

    new = [
        sigmoid(gate(0, i)) * c[i] + sigmoid(gate(1, i)) * math.tanh(gate(3, i)) for i in range(d)
    ]
    return [sigmoid(gate(2, i)) * math.tanh(new[i]) for i in range(d)], new


@pytest.mark.parametrize("d, k", [(1, 1), (3, 1), (4, 6)])
@pytest.mark.parametrize("given", [True, False])
def test_gru_equals_a_loop_over_columns(d, k, given):
    cell = filled(MatrixGRU, d, k)
    h = torch.randn(d, k, dtype=torch.float64)
    x = torch.randn(d, k, dtype=torch.float64) if given else h
    (got,) = cell(x if given else None, cell.start(h))
    for j in range(k):
        want = gru_column(cell, j, x[:, j].tolist(), h[:, j].tolist())
        assert got[:, j].tolist() == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("given", [True, False])
def test_lstm_equals_a_loop_over_columns(given):
    cell = filled(MatrixLSTM, 4, 3)
    h, c, x = torch.randn(3, 4, 3, dtype=torch.float64)
    if not given:
        x = h
    got = cell(x if given else None, (h, c))
    for j in range(3):
        want = lstm_column(cell, j, *(m[:, j].tolist() for m in (x, h, c)))
        for a, b in zip(got, want):
            assert a[:, j].tolist() == pytest.approx(b, abs=1e-12)
    start = cell.start(h)
    assert not start[1].any()
    assert bool((cell(None, (h * 100, c))[0].abs() < 1).all())


def test_gru_is_not_torch_grucell_but_agrees_where_the_definitions_do():
    d = 3
    cell, other = filled(MatrixGRU, d, 1), nn.GRUCell(d, d).double()
    x, h = torch.randn(2, d, 1, dtype=torch.float64)

    def copy(update_sign):
        with torch.no_grad():  # torch's order: reset, update, new
            w, u, b = cell.weight_input, cell.weight_hidden, cell.bias[:, :, 0]
            other.weight_ih.copy_(torch.cat([w[1], update_sign * w[0], w[2]]))
            other.weight_hh.copy_(torch.cat([u[1], update_sign * u[0], u[2]]))
            other.bias_ih.copy_(torch.cat([b[1], update_sign * b[0], b[2]]))
            other.bias_hh.zero_()
        return other(x.T, h.T).T

    (got,) = cell(x, (h,))
    assert not torch.allclose(copy(1), got)
    assert not torch.allclose(copy(-1), got)  # the reset gate still sits elsewhere
    with torch.no_grad():
        # The same place for the reset gate: open it. Then only Z <-> 1 - Z is left.
        cell.weight_input[1] = 0
        cell.weight_hidden[1] = 0
        cell.bias[1] = 60
    (got,) = cell(x, (h,))
    assert not torch.allclose(copy(1), got)
    torch.testing.assert_close(copy(-1), got)


def test_lstm_equals_torch_lstmcell_column_by_column():
    d, k = 4, 3
    cell = filled(MatrixLSTM, d, k)
    h, c, x = torch.randn(3, d, k, dtype=torch.float64)
    got = cell(x, (h, c))
    for j in range(k):
        other = nn.LSTMCell(d, d).double()
        with torch.no_grad():  # torch's order: input, forget, new, output
            for name, values in (
                ("weight_ih", cell.weight_input),
                ("weight_hh", cell.weight_hidden),
                ("bias_ih", cell.bias[:, :, j]),
            ):
                getattr(other, name).copy_(torch.cat([values[i] for i in (1, 0, 3, 2)]))
            other.bias_hh.zero_()
        want = other(x[:, j].unsqueeze(0), (h[:, j].unsqueeze(0), c[:, j].unsqueeze(0)))
        for a, b in zip(got, want):
            torch.testing.assert_close(a[:, j], b[0])


@pytest.mark.parametrize("make", [MatrixGRU, MatrixLSTM])
def test_one_hot_columns_equal_the_dense_matrix(make):
    cell = filled(make, 5, 3)
    index, value = torch.tensor([4, 0, 4]), torch.randn(3, dtype=torch.float64)
    dense = torch.zeros(5, 3, dtype=torch.float64)
    dense[index, torch.arange(3)] = value
    state = cell.start(torch.randn(5, 3, dtype=torch.float64))
    for a, b in zip(cell(Columns(index, value), state), cell(dense, state)):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("make", [MatrixGRU, MatrixLSTM])
def test_gradients_and_initialisation(make):
    cell = filled(make, 3, 2)
    weight = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, x: cell(x, cell.start(w))[0], (weight, x))
    assert torch.autograd.gradcheck(lambda w: cell(None, cell.start(w))[0], (weight,))
    cell.reset_parameters()
    assert not cell.bias.any()
    for parameter in (cell.weight_input, cell.weight_hidden):
        assert 0.3 < parameter.abs().max() <= 3**-0.5
    assert "3, 2" in repr(cell)


@pytest.mark.parametrize("kind", ["none", "dense", "columns", "mixed"])
def test_all_steps_at_once_are_the_steps_one_by_one(kind):
    cell = filled(MatrixGRU, 5, 3)
    index, value = torch.randint(5, (4, 3)), torch.randn(4, 3, dtype=torch.float64)
    columns = [Columns(i, v) for i, v in zip(index, value)]
    dense = list(torch.randn(4, 5, 3, dtype=torch.float64))
    xs = {"none": None, "dense": dense, "columns": columns, "mixed": columns[:2] + dense[2:]}[kind]
    state = cell.start(torch.randn(5, 3, dtype=torch.float64))
    for t, (got,) in enumerate(cell.unroll(xs, state, 4)):
        h, x = state[0], None if xs is None else xs[t]
        x = x.dense(5) if isinstance(x, Columns) else h if x is None else x
        want = [gru_column(cell, j, x[:, j].tolist(), h[:, j].tolist()) for j in range(3)]
        for a, b in zip(got.T.tolist(), want):
            assert a == pytest.approx(b, abs=1e-12)
        state = (got,)


class Step(nn.Module):
    """A sequence encoder as plug-ins have it."""

    def __init__(self, channels):
        super().__init__()
        self.cell = nn.GRUCell(channels, channels)

    def reset_parameters(self):
        self.cell.reset_parameters()

    def init_state(self, batch, device, dtype):
        return torch.zeros(batch, self.cell.hidden_size, device=device, dtype=dtype)

    def step(self, x, state):
        state = self.cell(x, state)
        return state, state


def test_any_encoder_that_steps_is_a_cell():
    torch.manual_seed(0)
    cell = make_cell(lambda rows, columns: Step(rows), 4, 3)
    assert isinstance(cell, ColumnCell)
    weight = torch.randn(4, 3)
    state = cell(None, cell(None, cell.start(weight)))
    h = torch.zeros(1, 4)
    for j in range(3):  # each column by itself
        first = cell.encoder.cell(weight[:, j].unsqueeze(0), h)
        second = cell.encoder.cell(first, first)
        torch.testing.assert_close(state[0][:, j], second[0])
    columns = Columns(torch.tensor([1, 0, 3]), torch.randn(3))
    dense = torch.zeros(4, 3)
    dense[columns.index, torch.arange(3)] = columns.value
    torch.testing.assert_close(
        cell(columns, cell.start(weight))[0], cell(dense, cell.start(weight))[0]
    )


def test_make_cell():
    assert isinstance(make_cell("gru", 2, 3), MatrixGRU)
    assert isinstance(make_cell("lstm", 2, 3), MatrixLSTM)
    assert isinstance(make_cell(MatrixLSTM, 2, 3), MatrixLSTM)
    given = MatrixGRU(2, 3)
    copied = make_cell(given, 2, 3)
    assert copied is not given
    assert torch.equal(copied.weight_input, given.weight_input)
    with pytest.raises(UnknownNameError, match="Did you mean 'lstm'"):
        make_cell("lsmt", 2, 3)
