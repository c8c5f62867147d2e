"""ParaGRU and ParaLSTM as encoders: their cell by hand, heads, fallback, errors."""

import pytest
import torch

from graphkit.encoders.sequence import ParaGRU, ParaLSTM
from graphkit.errors import GraphError


def made(cls, *args, **settings):
    torch.manual_seed(0)
    return cls(*args, **settings).double()


def test_gru_follows_the_paper():
    encoder = made(ParaGRU, 3, 4)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    w, b, a = encoder.weight_input[:, 0], encoder.bias, encoder.weight_state
    h, want = torch.zeros(2, 4, dtype=torch.float64), []
    for t in range(6):
        z = torch.sigmoid(a[0] * h + x[:, t] @ w[0] + b[0])
        r = torch.sigmoid(a[1] * h + x[:, t] @ w[1] + b[1])
        c = torch.tanh(a[2] * (h * r) + x[:, t] @ w[2] + b[2])
        h = (1 - z) * h + z * c
        want.append(h)
    for form in ("parallel", "recurrent"):
        got = encoder(x, form=form)
        torch.testing.assert_close(got, torch.stack(want, 1), rtol=0, atol=1e-12)


def test_lstm_follows_the_paper():
    encoder = made(ParaLSTM, 3, 4)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    w, b = encoder.weight_input[:, 0], encoder.bias
    a_f, a_o, a_g, p_f, p_o = encoder.weight_state
    c = h = torch.zeros(2, 4, dtype=torch.float64)
    want = []
    for t in range(6):
        f = torch.sigmoid(a_f * h + p_f * c + x[:, t] @ w[0] + b[0])
        g = torch.tanh(a_g * h + x[:, t] @ w[2] + b[2])
        c = f * c + (1 - f) * g
        h = torch.sigmoid(a_o * h + p_o * c + x[:, t] @ w[1] + b[1]) * torch.tanh(c)
        want.append(h)
    y, state = encoder(x, return_state=True, form="parallel")
    torch.testing.assert_close(y, torch.stack(want, 1), rtol=0, atol=1e-12)
    torch.testing.assert_close(state.c, c, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cls", [ParaGRU, ParaLSTM])
def test_heads_are_blocks_of_one_projection(cls):
    blocks, dense = made(cls, 4, 6, heads=2), made(cls, 4, 6)
    with torch.no_grad():
        dense.weight_input.zero_()
        dense.weight_input[:, 0, :2, :3] = blocks.weight_input[:, 0]
        dense.weight_input[:, 0, 2:, 3:] = blocks.weight_input[:, 1]
        dense.bias.copy_(blocks.bias)
        dense.weight_state.copy_(blocks.weight_state)
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(blocks(x), dense(x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("cls", [ParaGRU, ParaLSTM])
def test_wild_weights_are_computed_in_order(cls):
    encoder = made(cls, 3, 8)
    with torch.no_grad():
        encoder.weight_state.normal_(std=8)
    x = torch.randn(2, 300, 3, dtype=torch.float64)
    got = encoder(x, form="parallel")
    assert encoder.newton.fallback_rows > 0
    torch.testing.assert_close(got, encoder(x, form="recurrent"), rtol=0, atol=1e-10)
    encoder.max_weight = 1.0
    got = encoder(x, form="parallel")
    assert encoder.newton.fallback_rows == 0
    torch.testing.assert_close(got, encoder(x, form="recurrent"), rtol=0, atol=1e-10)


def test_initial_values():
    encoder = ParaGRU(8, 4096)
    assert encoder.weight_state.std().item() == pytest.approx(2 / (5 * 4096) ** 0.5, rel=0.05)
    assert encoder.bias[0, 0] == 0
    assert encoder.bias[0, -1] == -1
    assert not encoder.bias[1:].any()


def test_float32_reaches_its_tolerance():
    encoder = ParaGRU(3, 8)
    encoder(torch.randn(2, 500, 3), form="parallel")
    assert 0 < encoder.newton.residual <= 1e-6
    assert encoder.newton.iterations <= 5


@pytest.mark.parametrize("heads", [0, 3])
def test_heads_that_do_not_divide(heads):
    with pytest.raises(GraphError, match="do not divide into heads"):
        ParaGRU(4, 6, heads=heads)
