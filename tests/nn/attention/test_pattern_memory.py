"""Pattern memories (acceptance items 10, 11 and 12 of ST-LINK)."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graphkit.errors import GraphError
from graphkit.nn.attention import MRFFN, PatternMemory, Retrieval


def memory(**settings):
    return PatternMemory(6, 5, **{"num_slots": 12, "key_channels": 4, "top_k": 3, **settings})


def test_plain_loops():
    m = memory().double().requires_grad_(False)
    u = torch.randn(2, 4, 6).double()
    out, found = m(u)
    for b in range(2):
        for i in range(4):
            r = m.query.weight @ u[b, i]
            r = r / r.norm()
            cos = [float(r @ (k / k.norm())) for k in m.keys]
            best = sorted(range(12), key=lambda s: -cos[s])[:3]
            assert found.slots[b, i].tolist() == best
            a = [math.exp(cos[s] / 0.1) for s in best]
            expected = sum(x / sum(a) * m.values[s] for x, s in zip(a, best))
            torch.testing.assert_close(out[b, i], expected, rtol=1e-5, atol=1e-5)
    ones = torch.ones(2, 4).double()
    torch.testing.assert_close(found.weights.sum(-1), ones, rtol=1e-6, atol=1e-6)


def test_all_slots_is_dense_attention():
    m = memory(top_k=12)
    u = torch.randn(7, 6)
    r = F.normalize(m.query(u), dim=1)
    dense = (r @ F.normalize(m.keys, dim=1).t() / 0.1).softmax(1) @ m.values
    torch.testing.assert_close(m(u)[0], dense, rtol=1e-5, atol=1e-6)


def test_a_query_that_is_a_key_reads_its_value():
    m = PatternMemory(4, 5, num_slots=12, key_channels=4, top_k=3, tau=1e-4)
    with torch.no_grad():
        m.query.weight.copy_(torch.eye(4))
    out, found = m(m.keys)
    assert found.slots[:, 0].tolist() == list(range(12))
    torch.testing.assert_close(out, m.values, rtol=1e-5, atol=1e-6)


def test_each_token_asks_for_itself():
    m = memory()
    u = torch.randn(3, 4, 6)
    _, before = m(u)
    u[1] = torch.randn(4, 6)
    _, after = m(u)
    for b in (0, 2):
        assert torch.equal(before.slots[b], after.slots[b])
        torch.testing.assert_close(before.weights[b], after.weights[b])


def test_patterns_make_keys_and_values():
    m = memory(pattern_channels=8, key_pattern=6)
    windows = torch.randn(100, 8)
    m.fit_patterns(windows)
    torch.testing.assert_close(m.patterns.norm(dim=1), torch.full((12,), 8**0.5))
    keys, values = m.slot_keys(), m.slot_values()
    torch.testing.assert_close(keys.norm(dim=1), torch.ones(12))
    changed = m.patterns.clone()
    changed[:, 6:] += 1  # what came after
    m.set_patterns(changed)
    assert torch.equal(m.slot_keys(), keys)
    assert not torch.allclose(m.slot_values(), values)
    other = memory(pattern_channels=8, key_pattern=6)
    other.load_state_dict(m.state_dict())
    u = torch.randn(5, 6)
    assert torch.equal(other(u)[0], m(u)[0])


def test_every_parameter_learns():
    m = memory(pattern_channels=8)
    m.fit_patterns(torch.randn(100, 8))
    out, found = m(torch.randn(40, 6))
    (out.square().sum() + m.balance_loss(found)).backward()
    for name, p in m.named_parameters():
        assert p.grad is not None, name
        assert bool(p.grad.abs().sum() > 0), name


@pytest.mark.parametrize("patterns", [0, 8])
def test_moving_averages_only_in_training(patterns):
    m = memory(ema_rate=0.5, pattern_channels=patterns)
    if patterns:
        m.fit_patterns(torch.randn(100, 8))
    u = torch.randn(3, 6)
    state = {k: v.clone() for k, v in m.state_dict().items()}
    m.eval()(u)
    assert all(torch.equal(v, state[k]) for k, v in m.state_dict().items())
    assert float(m.usage.sum()) == 0
    before = m.slot_keys().detach()
    query = F.normalize(m.query(u), dim=1).detach()
    _, found = m.train()(u)
    assert float(m.usage.sum()) == 9
    after = m.slot_keys().detach()
    best = found.slots[:, 0].tolist()
    for slot in range(12):
        mine = [query[i] for i in range(3) if best[i] == slot]
        if mine:
            towards = F.normalize(sum(mine), dim=0)
            assert float(after[slot] @ towards) > float(before[slot] @ towards)
        else:
            torch.testing.assert_close(after[slot], before[slot])


def test_balance():
    m = memory(num_slots=4, top_k=2)
    even = Retrieval(torch.tensor([[0, 1], [2, 3]]), torch.full((2, 2), 0.5), torch.zeros(2, 4))
    assert float(m.balance_loss(even)) == pytest.approx(1.0)
    some = Retrieval(even.slots, even.weights, torch.tensor([[0.5, 0, 0, 0]]).expand(2, 4))
    assert float(m.balance_loss(some)) == pytest.approx(1.0)  # hits are even
    one = memory(num_slots=4, top_k=1)
    scores = torch.tensor([[5.0, -5, -5, -5]])
    taken = Retrieval(torch.tensor([[0]]), torch.ones(1, 1), scores)
    assert float(one.balance_loss(taken)) == pytest.approx(4.0)
    half = Retrieval(
        torch.tensor([[0], [1]]), torch.ones(2, 1), torch.stack([scores[0], scores[0].roll(1)])
    )
    assert float(one.balance_loss(half)) == pytest.approx(2.0)


def test_separation():
    scores = torch.tensor([[0.9, 0.85, 0.0], [0.9, 0.2, 0.1]])
    for top_k in (1, 2):
        slots = scores.topk(top_k).indices
        found = PatternMemory.separation_loss(Retrieval(slots, slots, scores))
        assert float(found) == pytest.approx(0.025)


def test_a_network_with_an_unused_memory_is_its_feed_forward():
    norm, ffn = nn.LayerNorm(6), nn.Linear(6, 6)
    plain, with_memory = MRFFN(norm, ffn), MRFFN(norm, ffn, memory())
    h = torch.randn(2, 4, 6)
    expected = h + ffn(norm(h))
    out, nothing = plain(h)
    assert nothing is None
    assert torch.equal(out, expected)
    out, found = with_memory(h)
    assert torch.equal(out, expected)
    assert found.slots.shape == (2, 4, 3)
    assert bool((with_memory.gate.bias == -2).all())


def test_the_memory_learns_once_it_is_read():
    net = MRFFN(nn.LayerNorm(6), nn.Linear(6, 6), memory())
    h = torch.randn(30, 6)
    net(h)[0].square().sum().backward()
    assert bool((net.memory.values.grad == 0).all())
    assert bool(net.out.weight.grad.abs().sum() > 0)
    nn.init.normal_(net.out.weight)
    net.zero_grad()
    net(h)[0].square().sum().backward()
    for name, p in net.named_parameters():
        assert bool(p.grad.abs().sum() > 0), name


def test_equation_of_the_gate():
    net = MRFFN(nn.LayerNorm(6), nn.Linear(6, 6), memory()).double()
    nn.init.normal_(net.out.weight)
    h = torch.randn(5, 6).double()
    u = net.norm(h)
    m = net.memory(u)[0]
    gate = torch.sigmoid(torch.cat([u, m], 1) @ net.gate.weight.t() + net.gate.bias)
    torch.testing.assert_close(net(h)[0], h + net.feed_forward(u) + gate * (m @ net.out.weight.t()))


def test_errors():
    with pytest.raises(GraphError, match="top_k"):
        memory(top_k=13)
    with pytest.raises(GraphError, match="tau"):
        memory(tau=0.0)
    with pytest.raises(GraphError, match="do not fit"):
        memory(pattern_channels=8).set_patterns(torch.zeros(3, 8))


def test_a_window_asks_for_the_pattern_that_begins_like_it():
    """Untrained: the best slot is the pattern itself, whatever the state says."""
    m = memory(num_slots=40, pattern_channels=9, key_pattern=6, key_channels=16)
    m.set_patterns(torch.randn(40, 9))
    state = torch.randn(40, 6)
    _, found = m(state, m.patterns[:, :6])
    assert (found.slots[:, 0] == torch.arange(40)).float().mean() > 0.9
    m.query.weight.data.zero_()
    _, found = m(state, m.patterns[:, :6])
    assert torch.equal(found.slots[:, 0], torch.arange(40))
    torch.testing.assert_close(found.scores.diagonal(), torch.ones(40), atol=0.02, rtol=0)


def test_a_token_without_a_window_asks_by_its_state():
    m = memory(pattern_channels=9, key_pattern=6)
    m.set_patterns(torch.randn(12, 9))
    u, window = torch.randn(4, 6), torch.randn(4, 6)
    window[[1, 3]] = 0
    out, found = m(u, window)
    alone, other = m(u)
    torch.testing.assert_close(out[[1, 3]], alone[[1, 3]])
    assert torch.equal(found.slots[[1, 3]], other.slots[[1, 3]])
    assert not torch.allclose(out[[0, 2]], alone[[0, 2]])
    blind = memory()
    assert torch.equal(blind(u, window)[0], blind(u)[0])


def test_keys_that_are_moved_have_the_gradient_of_where_they_were():
    u, found = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(1)), []
    for rate in (0.0, 0.1):
        torch.manual_seed(0)
        m = PatternMemory(6, num_slots=8, top_k=3, key_channels=4, ema_rate=rate).train()
        before = m.keys.detach().clone()
        m(u)[0].square().sum().backward()
        found.append(m.keys.grad)
        assert torch.equal(before, m.keys) == (rate == 0)
    assert torch.equal(*found)
