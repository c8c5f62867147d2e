from __future__ import annotations

import itertools

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.stream import TemporalWalks


def walks_by_hand(batches, now, num_nodes, hops, half_life):
    """A^(k)[u, v]: sum over k events, each in a strictly earlier batch than the one before it."""
    seen = []
    for clock, events in batches:
        for u, v in events:
            seen.append((clock, u, v))
            if u != v:
                seen.append((clock, v, u))
    found = torch.zeros(hops, num_nodes, num_nodes)
    for k in range(1, hops + 1):
        for walk in itertools.product(seen, repeat=k):
            joined = all(a[2] == b[1] and a[0] > b[0] for a, b in itertools.pairwise(walk))
            if joined:
                weight = 2 ** -sum((now - clock) / half_life for clock, _, _ in walk)
                found[k - 1, walk[0][1], walk[-1][2]] += weight
    return found


def test_projects_the_matrices_of_walks():
    batches = [(2, [(0, 1), (1, 2)]), (5, [(2, 3), (2, 3), (0, 0)]), (6, [(3, 1)])]
    half_lives = (3.0, 50.0)
    model = TemporalWalks(5, channels=16, num_hops=2, half_lives=half_lives, seed=4)
    for clock, events in batches:
        src, dst = torch.tensor(events).T
        model.insert(src, dst, torch.tensor(clock))
    rows = model(torch.arange(5), torch.tensor(9))
    assert rows.shape == (5, model.num_rows, 16) == (5, 5, 16)
    code = rows[:, 0]
    torch.testing.assert_close(code.square().sum(1), torch.ones(5))
    assert len(code.unique(dim=0)) == 5
    for i, half_life in enumerate(half_lives):
        for k, matrix in enumerate(walks_by_hand(batches, 9, 5, 2, half_life)):
            torch.testing.assert_close(rows[:, 1 + 2 * i + k], matrix @ code)


def test_products_estimate_how_often_two_nodes_met():
    model = TemporalWalks(50, channels=2_000, num_hops=1, half_lives=(1e9,))
    src = torch.tensor([0, 0, 0, 1, 2])
    model.insert(src, torch.tensor([5, 5, 6, 5, 7]), torch.tensor(1))
    rows = model(torch.tensor([0, 1, 5, 6, 7]), torch.tensor(1))
    met = (rows[:1, 0] * rows[:, 1]).sum(1)
    torch.testing.assert_close(met, torch.tensor([0.0, 0.0, 2.0, 1.0, 0.0]), atol=0.2, rtol=0)
    assert float(rows[0, 1] @ rows[1, 1]) == pytest.approx(2.0, abs=0.2)  # 5 in common, twice


def test_seed_and_sizes():
    assert torch.equal(TemporalWalks(4).code, TemporalWalks(4).code)
    assert not torch.equal(TemporalWalks(4).code, TemporalWalks(4, seed=1).code)
    for wrong in ({"channels": 0}, {"num_hops": 0}, {"half_lives": ()}):
        with pytest.raises(GraphError):
            TemporalWalks(4, **wrong)
