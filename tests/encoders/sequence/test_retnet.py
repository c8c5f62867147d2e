"""Retention and its blocks against their equations; what decay, rotation and epsilon do."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import gelu, silu

from graphkit.encoders.sequence import Retention, RetNet
from graphkit.errors import GraphError


def plain(layer: Retention, x: torch.Tensor, gap: list[float]) -> torch.Tensor:
    """One row by complex numbers: a pair of channels turns as one of them."""
    d, heads = layer.in_channels // layer.heads, layer.heads
    dv, pairs = layer.value_channels // heads, d // 2
    memory, out = [x.new_zeros(d, dv) for _ in range(heads)], []
    total = [0.0] * heads  # of the decays from a position back to the first
    for n, x_n in enumerate(x):
        q, k, v = (w(x_n) for w in (layer.q, layer.k, layer.v))
        parts = []
        for h in range(heads):
            i, j = slice(h * d, (h + 1) * d), slice(h * dv, (h + 1) * dv)
            turn = [complex(0, n * 10000 ** -(p / max(pairs - 1, 1))) for p in range(pairs)]
            turned = [
                torch.view_as_real(
                    torch.view_as_complex(y.view(-1, 2))
                    * torch.tensor(turn, dtype=torch.complex128).exp()
                ).flatten()
                for y in (q[i], k[i])
            ]
            gamma = (1 - 2.0 ** (-5 - h)) ** gap[n]
            memory[h] = gamma * memory[h] + torch.outer(turned[1] / d**0.5, v[j])
            total[h] = (1 - 2.0 ** (-5 - h)) * total[h] + 1
            o = memory[h].T @ turned[0] / total[h] ** 0.5
            parts.append(o / (o.square().mean() + layer.eps).sqrt())
        out.append(layer.out(torch.cat(parts) * silu(layer.g(x_n))))
    return torch.stack(out)


def test_equations() -> None:
    layer = Retention(8, heads=2, bias=True).double()
    with torch.no_grad():
        layer.q.bias.normal_()
        layer.k.bias.normal_()
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    for row, y in zip(x, layer(x)):
        torch.testing.assert_close(y, plain(layer, row, [1] * 6), rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["parallel", "chunkwise", "recurrent"])
def test_fresh_weights_in_single_precision(form: str) -> None:
    """Outputs before the norm are near the root of its epsilon, so that their scale matters."""
    torch.manual_seed(0)
    layer, x = Retention(16, heads=2, chunk_size=3), torch.randn(7, 16)
    got = layer(x[None], form=form)[0]
    double = layer.double()
    want = plain(double, x.double(), [1] * 7)
    torch.testing.assert_close(got.double(), want, rtol=0, atol=1e-6)
    with torch.no_grad():
        double.k.weight.mul_(0.5)
    assert float((double(x.double()[None])[0] - want).detach().abs().max()) > 0.01


@pytest.mark.parametrize("dtype, atol", [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_blocks_with_the_authors_gated_units(dtype: torch.dtype, atol: float) -> None:
    torch.manual_seed(0)
    net = RetNet(12, num_layers=2, heads=3, expand_v=1.5, ratio=5 / 3, activation="geglu")
    with torch.no_grad():
        for norm in [*net.norms, net.last_norm]:
            norm.weight.uniform_(0.5, 1.5)
    x = torch.randn(5, 12, dtype=dtype)
    got = net.to(dtype)(x[None])[0]
    net, x = net.double(), x.double()

    def rms(norm: torch.nn.Module, y: torch.Tensor) -> torch.Tensor:
        return torch.stack([v / ((v**2).mean() + 1e-6).sqrt() * norm.weight for v in y])

    h = x
    for i in (0, 2):
        h = h + plain(net.layers[i], rms(net.norms[i], h), [1] * 5)
        unit, y = net.layers[i + 1].module, rms(net.norms[i + 1], h)
        assert unit.up.bias is None
        assert unit.down.bias is None
        first, gate = unit.up.weight[:20], unit.up.weight[20:]
        h = h + torch.stack([unit.down.weight @ (gelu(first @ v) * (gate @ v)) for v in y])
    torch.testing.assert_close(got.double(), rms(net.last_norm, h), rtol=0, atol=atol)


def test_number_of_weights_of_a_block() -> None:
    """12 d^2, with perceptrons of twice the width as with the gated units of the authors' sizes."""
    d = 48
    for settings in ({}, {"activation": "geglu", "ratio": 5 / 3, "expand_v": 5 / 3}):
        net = RetNet(d, num_layers=1, heads=4, **settings)
        matrices = sum(p.numel() for p in net.parameters() if p.dim() == 2)
        assert matrices == 12 * d * d
        hidden, width, values = d, net.width, net.value_channels
        count = hidden * (2 * hidden + 3 * values) + (2 + net.gated) * hidden * width
        count += (1 - net.gated) * (width + hidden) + 2 * hidden + hidden
        assert sum(p.numel() for p in net.parameters()) == count


def test_in_time() -> None:
    layer = Retention(8, heads=2, time_unit=2.0).double()
    x = torch.randn(1, 4, 8, dtype=torch.float64)
    time = torch.tensor([[3.0, 4.0, 8.0, 8.0]])
    torch.testing.assert_close(layer(x, time=time)[0], plain(layer, x[0], [0, 0.5, 2, 0]))
    steady = Retention(8, heads=2).double()
    steady.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x, time=2 * torch.arange(4)[None]), steady(x))
    with pytest.raises(GraphError, match="needs the times"):
        layer(x)


def test_only_differences_of_positions_matter() -> None:
    """But for the sum of decays, whose factor the norm removes."""
    layer, x = Retention(8, heads=2, eps=0.0).double(), torch.randn(3, 5, 8, dtype=torch.float64)
    moved = layer.init_state(3)
    moved = moved.replace(count=moved.count + torch.tensor([0, 7, 1000]))
    torch.testing.assert_close(layer(x, state=moved), layer(x), rtol=0, atol=1e-10)


def test_a_head_forgets_at_its_rate() -> None:
    """Without the norm, the influence of a position on the memory falls by gamma a step."""
    layer = Retention(8, heads=2, rotate=False).double()
    x = torch.randn(1, 1, 8, dtype=torch.float64)
    state = layer(x, return_state=True)[1]
    later = layer(torch.zeros(1, 10, 8).double(), state=state, return_state=True)[1]
    for head in range(2):
        gamma = 1 - 2.0 ** (-5 - head)
        want = gamma**10 * state.memory[:, head]
        torch.testing.assert_close(later.memory[:, head], want)


def test_the_norm_removes_a_factor() -> None:
    layer, x = Retention(8, heads=2, eps=0.0).double(), torch.randn(1, 5, 8).double()
    want = layer(x)
    with torch.no_grad():
        layer.k.weight.mul_(7)
    torch.testing.assert_close(layer(x), want)


def test_sizes() -> None:
    assert Retention(32).state_numel() == 4 * 8 * 16 + 2
    with pytest.raises(GraphError, match="an even size, which rotation needs"):
        Retention(12, heads=4)
    Retention(12, heads=4, rotate=False)
    with pytest.raises(GraphError, match="time_unit"):
        Retention(8, time_unit=0)
