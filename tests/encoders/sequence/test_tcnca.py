"""TCNCA against plain loops: the taps of its convolutions, its chunks, MEGA's gates."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graphkit.encoders.sequence import TCN, TCNCA
from graphkit.errors import GraphError

SMALL = {"chunk_size": 4, "tcn_layers": 2, "kernel_size": 3, "dilation": 2}


def made(*args, **settings):
    torch.manual_seed(0)
    encoder = TCNCA(*args, **{**SMALL, **settings}).double()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_(std=0.5)
    return encoder


def zeros_before(tcn, rows=1):
    return [torch.zeros(rows, p, tcn.channels, dtype=torch.float64) for p in tcn.paddings]


@pytest.mark.parametrize("k, b, layers", [(3, 2, 3), (2, 4, 2), (5, 4, 2)])
def test_an_output_depends_on_its_taps_and_no_others(k, b, layers):
    tcn = TCN(2, layers, k, b).double()
    length = 2 * tcn.receptive_field
    u = torch.randn(1, length, 2, dtype=torch.float64, requires_grad=True)
    y, _ = tcn(u, None, zeros_before(tcn))
    (grad,) = torch.autograd.grad(y[0, -1].sum(), u)
    reached = {0}
    for layer in range(layers):
        reached = {back + tap * b**layer for back in reached for tap in range(k)}
    assert max(reached) == tcn.receptive_field - 1
    seen = grad[0].abs().sum(1).nonzero().squeeze(1).tolist()
    assert seen == sorted(length - 1 - back for back in reached)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("depthwise", [True, False])
def test_convolutions_equal_torch(depthwise, residual):
    tcn = TCN(3, 2, 3, 2, depthwise=depthwise, residual=residual).double()
    u = torch.randn(2, 11, 3, dtype=torch.float64)
    want = u.transpose(1, 2)
    for layer in range(2):
        weight = tcn.weight[layer]
        weight = weight.t().unsqueeze(1) if depthwise else weight.permute(2, 1, 0)
        before, want = want, F.pad(want, (2 * 2**layer, 0))
        groups = 3 if depthwise else 1
        want = F.silu(F.conv1d(want, weight, tcn.bias[layer], dilation=2**layer, groups=groups))
        want = want + before if residual else want
    got, _ = tcn(u, None, zeros_before(tcn, 2))
    torch.testing.assert_close(got, want.transpose(1, 2), rtol=0, atol=1e-13)


def mega(encoder, x, m):
    """The layer of MEGA, position by position, given what stands for the moving average."""
    n = encoder.norm(x)
    d, d_z, d_v, c = x.shape[-1], encoder.key_channels, encoder.value_channels, encoder.chunk_size
    out = torch.empty_like(x)
    for row in range(len(x)):
        mixed = m[row] @ encoder.lin.weight.t() + encoder.lin.bias
        v = F.silu(n[row] @ encoder.lin_value.weight.t() + encoder.lin_value.bias)
        z = F.silu(mixed[:, d : d + d_z])
        q, k = (z * encoder.gamma[i] + encoder.beta[i] for i in (0, 1))
        for i in range(x.shape[1]):
            scores, values = [], []
            for j in range(i // c * c, i + 1):
                scores.append(q[i] @ k[j] / math.sqrt(d_z) + encoder.position_bias[i - j])
                values.append(v[j])
            attended = torch.stack(scores).softmax(0) @ torch.stack(values)
            r = F.silu(mixed[i, d + d_z : d + d_z + d_v])
            h = F.silu(mixed[i, d + d_z + d_v :] + encoder.lin_out(r * attended))
            u = torch.sigmoid(mixed[i, :d])
            out[row, i] = x[row, i] + u * (h - x[row, i])
    return out


def test_equals_the_equations():
    encoder = made(5)
    x = torch.randn(2, 10, 5, dtype=torch.float64)
    m, _ = encoder.tcn(encoder.norm(x), None, zeros_before(encoder.tcn, 2))
    torch.testing.assert_close(encoder(x), mega(encoder, x, m), rtol=0, atol=1e-12)


class MovingAverage(nn.Module):
    """MEGA's damped moving average as one long convolution, in the place of the TCN."""

    def __init__(self, like, length):
        super().__init__()
        self.paddings, self.length = like.paddings, length
        self.p, self.q = (torch.rand(like.channels, dtype=torch.float64) for _ in range(2))

    def forward(self, u, mask, histories):
        powers = self.q ** torch.arange(self.length, dtype=torch.float64)[:, None]
        kernel = (self.p * powers).flip(0).t().unsqueeze(1)
        padded = F.pad(u.transpose(1, 2), (self.length - 1, 0))
        y = F.conv1d(padded, kernel, groups=u.shape[-1]).transpose(1, 2)
        return y, [torch.cat([h, u], 1) for h in histories]


def test_with_a_moving_average_it_is_mega():
    encoder = made(4)
    average = encoder.tcn = MovingAverage(encoder.tcn, 9)
    x = torch.randn(1, 9, 4, dtype=torch.float64)
    n, state, m = encoder.norm(x)[0], torch.zeros(4, dtype=torch.float64), []
    for t in range(9):  # the recurrence that the convolution stands for
        state = average.q * state + average.p * n[t]
        m.append(state)
    want = mega(encoder, x, torch.stack(m)[None])
    torch.testing.assert_close(encoder(x), want, rtol=0, atol=1e-12)


class Identity(nn.Module):
    def __init__(self, paddings):
        super().__init__()
        self.paddings = paddings

    def forward(self, u, mask, histories):
        return u, [torch.cat([h, u], 1) for h in histories or []]


@pytest.mark.parametrize("causal", [True, False])
def test_attention_stays_in_its_chunk(causal):
    encoder = made(4, causal=causal)
    encoder.tcn = Identity(encoder.tcn.paddings)
    x = torch.randn(1, 11, 4, dtype=torch.float64)
    want = encoder(x)
    other = x.clone()
    other[0, 5] += torch.randn(4, dtype=torch.float64)
    changed = ((encoder(other) - want).abs().sum(-1)[0] > 0).nonzero().squeeze(1).tolist()
    assert changed == ([5, 6, 7] if causal else [4, 5, 6, 7])


def test_one_tap_and_a_long_chunk_are_global_attention():
    encoder = made(4, chunk_size=20, tcn_layers=1, kernel_size=1)
    x = torch.randn(2, 7, 4, dtype=torch.float64)
    n = encoder.norm(x)
    m = n + F.silu(n * encoder.tcn.weight[0, 0] + encoder.tcn.bias[0])
    torch.testing.assert_close(encoder(x), mega(encoder, x, m), rtol=0, atol=1e-12)


def test_both_directions_turn_round():
    encoder, turned = made(4, causal=False), made(4, causal=False)
    with torch.no_grad():
        turned.tcn.weight.copy_(encoder.tcn.weight.flip(1))
        turned.position_bias.copy_(encoder.position_bias.flip(0))
    x = torch.randn(2, 8, 4, dtype=torch.float64)  # two whole chunks
    torch.testing.assert_close(turned(x.flip(1)).flip(1), encoder(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cut", [3, 4, 6])
def test_a_call_goes_on_inside_a_chunk(cut):
    encoder = made(4, simple=True)
    x = torch.randn(2, 11, 4, dtype=torch.float64)
    head, state = encoder(x[:, :cut], return_state=True)
    assert state.length.tolist() == [cut % 4] * 2
    got = torch.cat([head, encoder(x[:, cut:], state=state)], 1)
    torch.testing.assert_close(got, encoder(x), rtol=0, atol=1e-12)


def test_work_grows_with_the_length():
    from torch.utils.flop_counter import FlopCounterMode

    encoder, work = made(4), []
    for length in (64, 128):
        with FlopCounterMode(display=False) as counter:
            encoder(torch.randn(1, length, 4, dtype=torch.float64))
        work.append(counter.get_total_flops())
    assert work[1] / work[0] < 2.1


def test_errors():
    with pytest.raises(GraphError, match="kernel_size"):
        TCNCA(4, causal=False, kernel_size=4)
    with pytest.raises(GraphError, match="chunk_size"):
        TCNCA(4, chunk_size=0)


def test_without_convolutions_a_layer_sees_its_input():
    """Weights of 0: with residuals the attention reads the input itself, without them nothing."""
    for residual in (True, False):
        tcn = TCN(3, 4, residual=residual)
        torch.nn.init.zeros_(tcn.weight)
        u = torch.randn(2, 7, 3)
        got, _ = tcn(u, None, zeros_before(tcn, 2))
        assert torch.equal(got, u if residual else torch.zeros_like(u))
