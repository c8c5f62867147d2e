"""torch's networks wrapped: the equations written out, ragged rows, initial values, gates."""

from __future__ import annotations

import pytest
import torch

from graphkit.encoders.sequence import GRU, LSTM, BiGRU, BiLSTM

MAKERS = [GRU, LSTM, BiGRU, BiLSTM]


def plain(encoder, x):
    """One causal layer by its equations."""
    w, u, b, c = (getattr(encoder.rnn, f"{n}_l0") for n in
                  ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))  # fmt: skip
    h = cell = x.new_zeros(encoder.out_channels)
    out = []
    for x_t in x:
        gates = [
            (m @ x_t + p, v @ h + q)
            for m, v, p, q in zip(*(t.chunk(len(b) // len(h)) for t in (w, u, b, c)))
        ]
        if isinstance(encoder, GRU):
            r, z = (torch.sigmoid(p + q) for p, q in gates[:2])
            n = torch.tanh(gates[2][0] + r * gates[2][1])
            h = (1 - z) * n + z * h
        else:
            i, f, _, o = (torch.sigmoid(p + q) for p, q in gates)
            cell = f * cell + i * torch.tanh(sum(gates[2]))
            h = o * torch.tanh(cell)
        out.append(h)
    return torch.stack(out)


@pytest.mark.parametrize("make", [GRU, LSTM])
def test_equations(make) -> None:
    encoder, x = make(3, 4).double(), torch.randn(2, 6, 3, dtype=torch.float64)
    for row, y in zip(x, encoder(x)):
        torch.testing.assert_close(y, plain(encoder, row), rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_full_rows_are_torch_to_the_bit_and_ragged_rows_are_compacted_rows(make, num_layers):
    encoder, x = make(3, 4, num_layers=num_layers), torch.randn(3, 7, 3)
    want = encoder.rnn(x)[0]
    got = encoder(x)
    assert torch.equal(got, encoder.mix(want) if hasattr(encoder, "mix") else want)
    mask = torch.tensor(
        [[1, 1, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0]]
    ).bool()
    y = encoder(x, mask)
    for row in range(3):
        if mask[row].any():
            alone = encoder(x[row : row + 1, mask[row]])
            torch.testing.assert_close(y[row, mask[row]], alone[0])


def test_initial_values() -> None:
    encoder = LSTM(5, 4)
    assert (encoder.rnn.bias_ih_l0 + encoder.rnn.bias_hh_l0).tolist() == [0] * 4 + [1] * 4 + [0] * 8
    for gate in encoder.rnn.weight_hh_l0.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(4))
    assert not BiGRU(5, 4).rnn.bias_hh_l0_reverse.any()


def test_gates_mean_what_they_are_called() -> None:
    keep = LSTM(2, 3).double()
    with torch.no_grad():
        keep.rnn.weight_ih_l0.zero_()
        keep.rnn.weight_hh_l0.zero_()
        keep.rnn.bias_ih_l0.copy_(torch.tensor([-1e3, 1e3, 0, 0]).repeat_interleave(3))
    state = keep.init_state(1, dtype=torch.float64).map(lambda t: torch.randn_like(t))
    start = state.c.clone().requires_grad_()
    _, after = keep(torch.randn(1, 50, 2).double(), state=state.replace(c=start), return_state=True)
    assert torch.equal(after.c, start)  # forget gate open, input gate shut
    assert torch.autograd.grad(after.c.sum(), start)[0].eq(1).all()
    hold = GRU(2, 3)
    with torch.no_grad():
        hold.rnn.bias_ih_l0[3:6] = 1e3  # update gate: torch keeps h where z = 1
    state = hold.init_state(1).map(lambda t: torch.randn_like(t))
    torch.testing.assert_close(hold(torch.randn(1, 5, 2), state=state)[:, -1], state.h[:, 0])
