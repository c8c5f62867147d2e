"""SE-attention against loops over heads and tokens; masks (acceptance item 9 of ST-LINK)."""

import math

import pytest
import torch
from torch import nn

from graphkit.errors import GraphError
from graphkit.nn.attention import SEAttention, hop_mask, rotary_attention, rotate, token_mask
from graphkit.nn.attention.se_attention import attention_weights
from graphkit.nn.spectral import laplacian_basis


def layer(**settings):
    layer = SEAttention(12, heads=3, phase_channels=4, **settings).double().eval()
    nn.init.normal_(layer.rotary.gate)
    return layer


def test_plain_loops():
    attention = layer()
    x, basis = torch.randn(2, 6, 12).double(), torch.randn(3, 4).double()
    node, time = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 1, 0, 1, 0, 1])
    mask = token_mask(3, 2)
    out = attention(x, time, basis, node, mask)
    theta = attention.rotary(time, basis, node)
    w, b = attention.qkv.weight, attention.qkv.bias
    for n in range(2):
        heads = []
        for h in range(3):
            q, k, v = (
                x[n] @ w[12 * p + 4 * h : 12 * p + 4 * h + 4].t()
                + b[12 * p + 4 * h : 12 * p + 4 * h + 4]
                for p in range(3)
            )
            rows = []
            for i in range(6):
                a = []
                for j in range(6):
                    qi = rotate(q[i], theta[h, i].cos(), theta[h, i].sin())
                    kj = rotate(k[j], theta[h, j].cos(), theta[h, j].sin())
                    allowed = int(time[j]) <= int(time[i])
                    a.append((qi @ kj) / math.sqrt(4) if allowed else torch.tensor(-torch.inf))
                rows.append(torch.stack(a).double().softmax(0) @ v)
            heads.append(torch.stack(rows))
        expected = torch.cat(heads, dim=1) @ attention.out.weight.t() + attention.out.bias
        torch.testing.assert_close(out[n], expected)


def test_causal_over_time_never_over_nodes():
    attention = layer()
    x, basis = torch.randn(1, 8, 12).double().requires_grad_(), torch.randn(4, 4).double()
    step, node = torch.arange(2).repeat(4), torch.arange(4).repeat_interleave(2)
    out = attention(x, step, basis, node, token_mask(4, 2))
    for i in range(8):
        (grad,) = torch.autograd.grad(out[0, i].sum(), x, retain_graph=True)
        reached = grad[0].abs().sum(1) > 0
        assert torch.equal(reached, step <= step[i])


def test_hops_against_breadth_first_search():
    edges = [(0, 1), (2, 1), (2, 3), (3, 4), (5, 5)]
    edge_index = torch.tensor(edges).t()
    for hops in range(4):
        found = hop_mask(edge_index, 6, hops)
        for i in range(6):
            reach = {i}
            for _ in range(hops):
                reach |= {b for a, b in edges if a in reach} | {a for a, b in edges if b in reach}
            assert found[i].nonzero().flatten().tolist() == sorted(reach)


def test_influence_ends_with_the_hops():
    """Two layers of one hop: nothing comes from farther than two."""
    path = torch.stack([torch.arange(6), torch.arange(1, 7)])
    mask = hop_mask(path, 7, 1)
    first, second = layer(), layer()
    x, basis = torch.randn(1, 7, 12).double().requires_grad_(), torch.randn(7, 4).double()
    h = x + first(x, basis=basis, mask=mask)
    out = h + second(h, basis=basis, mask=mask)
    for i in range(7):
        (grad,) = torch.autograd.grad(out[0, i].sum(), x, retain_graph=True)
        near = (torch.arange(7) - i).abs() <= 2
        assert torch.equal(grad[0].abs().sum(1) > 0, near)


def test_token_masks():
    nodes = torch.tensor([[True, False], [True, True]])
    assert token_mask(3) is None
    assert token_mask(2, nodes=nodes) is nodes
    found = token_mask(2, 2, nodes)
    for i in range(4):
        for j in range(4):
            assert bool(found[i, j]) == (bool(nodes[i // 2, j // 2]) and j % 2 <= i % 2)


def test_shared_keys_and_weights_to_look_at():
    q, k, v = torch.randn(2, 4, 5, 6), torch.randn(2, 2, 5, 6), torch.randn(2, 2, 5, 6)
    angles = torch.randn(4, 5, 3)
    mask = torch.rand(5, 5) < 0.5
    mask.fill_diagonal_(True)
    out = rotary_attention(q, k, v, angles, mask)
    weights = attention_weights(q, k, angles, mask)
    assert bool((weights[:, :, ~mask] == 0).all())
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5))
    expected = weights @ v[:, [0, 0, 1, 1]]
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


def test_space_finds_the_neighbours():
    """Tokens that tell nothing but a reading: who is next to whom stands in the angles alone."""
    n = 10
    ring = torch.stack([torch.arange(n), (torch.arange(n) + 1) % n])
    basis, _ = laplacian_basis(ring, n, num_vectors=6)
    test = torch.randn(200, n, 1)

    def error(space):
        torch.manual_seed(0)
        attention = SEAttention(16, heads=2, phase_channels=6)
        attention.rotary.gate.requires_grad_(space)
        net = nn.ModuleList([nn.Linear(1, 16), attention, nn.Linear(16, 1)])

        def loss(x):
            out = net[2](attention(net[0](x), basis=basis))
            return (out - (x.roll(1, 1) + x.roll(-1, 1))).square().mean()

        optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=0.02)
        for _ in range(120):
            optimizer.zero_grad()
            loss(torch.randn(32, n, 1)).backward()
            optimizer.step()
        return float(loss(test).detach())

    assert error(space=True) < 0.7 * error(space=False)


def test_dropout_in_training_only_and_reset():
    attention = layer(dropout=0.5)
    x, basis = torch.randn(1, 5, 12).double(), torch.randn(5, 4).double()
    assert torch.equal(attention(x, basis=basis), attention(x, basis=basis))
    attention.train()
    assert not torch.equal(attention(x, basis=basis), attention(x, basis=basis))
    with torch.no_grad():
        for p in attention.parameters():
            p.fill_(float("nan"))
    attention.reset_parameters()
    assert all(bool(p.isfinite().all()) for p in attention.parameters())


def test_errors():
    with pytest.raises(GraphError, match="heads"):
        SEAttention(10, heads=3)
    with pytest.raises(GraphError, match="num_hops"):
        hop_mask(torch.tensor([[0], [1]]), 2, -1)


def test_devices_agree(cuda):
    attention = SEAttention(12, heads=3, phase_channels=4)
    nn.init.normal_(attention.rotary.gate)
    x, basis = torch.randn(2, 6, 12), torch.randn(6, 4)
    expected = attention(x, basis=basis)
    found = attention.to(cuda)(x.to(cuda), basis=basis.to(cuda))
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-3)
