"""GLA against its equations; the gate; truncated gradients; recall of values by keys."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import logsigmoid, silu

from graphkit.encoders.sequence import GLA, GatedLinearAttention
from graphkit.errors import GraphError


def plain(layer: GatedLinearAttention, x: torch.Tensor) -> torch.Tensor:
    """One row, head by head and step by step."""
    heads, dk = layer.heads, layer.key_channels // layer.heads
    dv, out = layer.value_channels // layer.heads, []
    memory = [x.new_zeros(dk, dv) for _ in range(heads)]
    for x_t in x:
        q, k, v = (w.weight @ x_t for w in (layer.q, layer.k, layer.v))
        gate = layer.gate[1].weight @ (layer.gate[0].weight @ x_t) + layer.gate[1].bias
        a = (logsigmoid(gate) / layer.tau).exp()
        parts = []
        for h in range(heads):
            i, j = slice(h * dk, (h + 1) * dk), slice(h * dv, (h + 1) * dv)
            memory[h] = torch.diag(a[i]) @ memory[h] + torch.outer(k[i], v[j])
            o = memory[h].T @ q[i] / dk**0.5
            parts.append(o / (o.square().mean() + 1e-5).sqrt() * layer.norm.weight)
        out.append(layer.out.weight @ (torch.cat(parts) * silu(layer.g.weight @ x_t)))
    return torch.stack(out)


@pytest.mark.parametrize("tau", [16.0, 0.05])
def test_equations(tau: float) -> None:
    layer = GatedLinearAttention(8, heads=2, tau=tau, gate_bias=(-1.0, 3.0)).double()
    x = torch.randn(2, 7, 8, dtype=torch.float64)
    for row, y in zip(x, layer(x)):
        torch.testing.assert_close(y, plain(layer, row), rtol=0, atol=1e-12)


def test_the_gate_starts_where_it_is_told() -> None:
    assert not GatedLinearAttention(16).gate[1].bias.any()
    layer = GatedLinearAttention(16, gate_bias=(2.0, 4.0))
    assert layer.gate[1].bias[[0, -1]].tolist() == [2, 4]
    decay = (logsigmoid(layer.gate[1].bias) / 16).exp()
    assert 0.99 < decay[0] < decay[-1] < 0.999


def test_a_detached_state_keeps_values_and_cuts_gradients() -> None:
    encoder, x = GLA(8, num_layers=1, heads=2).double(), torch.randn(1, 8, 8).double()
    x.requires_grad_()
    whole = encoder(x)
    _, state = encoder(x[:, :4], return_state=True)
    cut = encoder(x[:, 4:], state=state.detach())
    torch.testing.assert_close(cut, whole[:, 4:])
    (grad,) = torch.autograd.grad(cut.sum(), x)
    assert not grad[:, :4].any()
    assert grad[:, 4:].any()


def test_sizes() -> None:
    layer = GatedLinearAttention(64)
    assert layer.state_numel() == 4 * 8 * 16
    assert sum(p.numel() for p in layer.parameters()) == 4 * 64**2 + 64 * 16 + 16 * 32 + 32 + 16
    with pytest.raises(GraphError, match="do not divide the 4 channels of the keys"):
        GatedLinearAttention(8, heads=8)


@pytest.mark.slow
def test_recalls_values_by_keys() -> None:
    """Two pairs of key and value, then the keys again: a position must look its key up."""
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    embed, head = torch.nn.Embedding(13, 32), torch.nn.Linear(32, 12)
    encoder = GLA(32, num_layers=1, heads=2, conv_kernel=2)
    parameters = [*embed.parameters(), *head.parameters(), *encoder.parameters()]
    optimizer, right = torch.optim.Adam(parameters, 1e-2), []
    for _ in range(250):
        key = torch.rand(64, 6, generator=draw).argsort(1)[:, :2]
        value = torch.randint(6, (64, 2), generator=draw) + 6
        order = torch.rand(64, 2, generator=draw).argsort(1)
        pairs = torch.stack([key, value], 2).flatten(1)
        y = head(encoder(embed(torch.cat([pairs, key.gather(1, order)], 1))))[:, 4:]
        target = value.gather(1, order)
        loss = torch.nn.functional.cross_entropy(y.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right.append((y.argmax(-1) == target).float().mean().item())
    assert sum(right[-20:]) / 20 > 0.9  # chance: 1/6
