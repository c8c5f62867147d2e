from __future__ import annotations

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.stream import PairTable


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
@pytest.mark.parametrize("num_nodes", [6, 400, 3_000_000_000])
def test_equals_a_dictionary_while_it_grows(num_nodes: int, dtype: torch.dtype):
    draw = torch.Generator().manual_seed(3)
    table, count, latest = PairTable(num_nodes, dtype), {}, {}
    for batch in range(40):
        u = torch.randint(num_nodes, (150,), generator=draw)
        v = torch.randint(num_nodes, (150,), generator=draw)
        u[:40] %= 5
        v[:40] %= 5
        t = (2**40 + 10 * batch + torch.randint(10, (150,), generator=draw)).to(dtype)
        pairs = list(zip(u.tolist(), v.tolist()))
        got = table(u, v)
        assert got[0].tolist() == [count.get(p, 0) for p in pairs]
        assert got[1].tolist() == [latest.get(p, 0) for p in pairs]
        table.insert(u, v, t)
        for pair, time in zip(pairs, t.tolist()):
            count[pair] = count.get(pair, 0) + 1
            latest[pair] = max(latest.get(pair, 0), time)
    assert len(table) == len(count)
    every = torch.tensor(list(count))
    got = table(every[:, 0], every[:, 1])
    assert got[0].tolist() == list(count.values())
    assert got[1].tolist() == list(latest.values())


def test_shapes_and_negative_times():
    table = PairTable(10, torch.float64)
    table.insert(*(torch.tensor(v) for v in ([1, 1], [2, 2], [-5.5, -7.0])))
    count, time = table(torch.tensor([[1, 2]]), torch.tensor([[2, 1]]))
    assert count.tolist() == [[2, 0]]
    assert time.tolist() == [[-5.5, 0.0]]


def test_one_large_insertion_equals_many_small_ones_in_content():
    draw = torch.Generator().manual_seed(0)
    u, v = torch.randint(10**6, (2, 100_000), generator=draw)
    t = torch.arange(100_000)
    table = PairTable(10**6)
    table.insert(u, v, t)
    count, time = table(u, v)
    assert torch.equal(time >= t, torch.ones_like(t, dtype=torch.bool))
    assert int((1.0 / count).sum().round()) == len(table)
    assert 24 * table.key.numel() <= 130 * len(table)  # bytes


def test_a_state_dict_of_another_size_loads():
    small, large = PairTable(1000), PairTable(1000)
    u = torch.arange(900)
    large.insert(u, u.flip(0), u)
    small.load_state_dict(large.state_dict())
    assert torch.equal(small(u, u.flip(0))[1], u)
    large.reset_state()
    assert len(large) == 0
    assert large.key.shape == PairTable(1000).key.shape


def test_order_inside_a_batch_does_not_matter():
    draw = torch.Generator().manual_seed(1)
    a, b = PairTable(50), PairTable(50)
    for _ in range(20):
        u, v, t = torch.randint(50, (3, 64), generator=draw)
        order = torch.randperm(64, generator=draw)
        a.insert(u, v, t)
        b.insert(u[order], v[order], t[order])
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name])


def test_too_many_nodes():
    with pytest.raises(GraphError, match="64 bits"):
        PairTable(2**32)
