"""Leaky units against their equations; timescales; the diagonal that is not there."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import leaky_relu

from graphkit.encoders.sequence import LeakyRNN
from graphkit.errors import GraphError, UnknownNameError


def plain(encoder: LeakyRNN, x, phi, units=None) -> torch.Tensor:
    """One row, unit by unit."""
    h, out = [0.0] * encoder.out_channels, []
    for t, x_t in enumerate(x.tolist()):
        new = []
        for i in range(len(h)):
            alpha = 1 / max(encoder.tau[i].item(), 1)
            if units is not None:
                alpha = 1 - (1 - alpha) ** units[t]
            total = encoder.input.bias[i].item()
            total += sum(w * v for w, v in zip(encoder.input.weight[i].tolist(), x_t))
            total += sum(
                w * v for j, (w, v) in enumerate(zip(encoder.weight[i].tolist(), h)) if j != i
            )
            if encoder.leak_outside:
                new.append((1 - alpha) * h[i] + alpha * phi(total))
            else:
                new.append(phi((1 - alpha) * h[i] + alpha * total))
        h = new
        out.append(h)
    return torch.tensor(out, dtype=torch.float64)


@pytest.mark.parametrize("leak_outside", [False, True])
@pytest.mark.parametrize("softplus", [False, True])
def test_equations(leak_outside, softplus) -> None:
    encoder = LeakyRNN(2, 4, leak_outside=leak_outside, softplus=softplus).double()
    x = torch.randn(1, 6, 2, dtype=torch.float64)
    want = plain(encoder, x[0], lambda v: leaky_relu(torch.tensor(v)).item())
    torch.testing.assert_close(encoder(x)[0], want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("leak_outside", [False, True])
def test_in_time(leak_outside) -> None:
    encoder = LeakyRNN(2, 4, activation="tanh", leak_outside=leak_outside, time_unit=2.0).double()
    x, time = torch.randn(1, 4, 2, dtype=torch.float64), torch.tensor([[5.0, 7.0, 8.0, 14.0]])
    want = plain(encoder, x[0], math.tanh, [1, 1, 0.5, 3])
    torch.testing.assert_close(encoder(x, time=time)[0], want)
    steady = LeakyRNN(2, 4, activation="tanh", leak_outside=leak_outside).double()
    steady.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(encoder(x, time=2 * torch.arange(4)[None]), steady(x))


def test_timescales() -> None:
    encoder = LeakyRNN(1, 3, activation="identity", leak_outside=True).double()
    with torch.no_grad():
        encoder.weight.zero_()
        encoder.input.weight.zero_()
        encoder.input.bias.zero_()
        encoder.raw_tau.copy_(torch.tensor([0.3, 2.0, 1e6]))
    start = encoder.init_state(1).replace(h=torch.ones(1, 3, dtype=torch.float64))
    h = encoder(torch.zeros(1, 5, 1).double(), state=start)[0, -1]
    want = torch.tensor([0, 0.5**5, (1 - 1e-6) ** 5], dtype=torch.float64)
    torch.testing.assert_close(h, want)
    assert encoder.tau.tolist() == [1, 2, 1e6]


def test_a_unit_of_timescale_one_is_a_plain_network() -> None:
    encoder, x = LeakyRNN(2, 4, activation="tanh", train_tau=False), torch.randn(3, 6, 2)
    encoder.raw_tau.fill_(1.0)
    rnn = torch.nn.RNN(2, 4, batch_first=True)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(encoder.input.weight)
        rnn.bias_ih_l0.copy_(encoder.input.bias)
        rnn.weight_hh_l0.copy_(encoder.recurrent_weight)
        rnn.bias_hh_l0.zero_()
    torch.testing.assert_close(encoder(x), rnn(x)[0])
    assert "raw_tau" not in dict(encoder.named_parameters())


def test_there_is_no_diagonal() -> None:
    encoder = LeakyRNN(2, 4)
    optimizer = torch.optim.SGD(encoder.parameters(), 0.1, momentum=0.9)
    for _ in range(10):
        optimizer.zero_grad()
        encoder(torch.randn(3, 6, 2)).sum().backward()
        assert not encoder.weight.grad.diagonal().any()
        optimizer.step()
        assert not encoder.recurrent_weight.diagonal().any()


def test_what_there_is_not() -> None:
    with pytest.raises(UnknownNameError, match="leaky_relu"):
        LeakyRNN(2, activation="leakyrelu")
    with pytest.raises(GraphError, match="time_unit"):
        LeakyRNN(2, time_unit=-1.0)
