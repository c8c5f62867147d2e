"""Offsets of pairs against a loop over snapshots; what a predictor makes of them."""

from types import SimpleNamespace

import pytest
import torch
from torch_geometric.data import Data

from graphkit.errors import GraphError
from graphkit.models.snapshot import EvolveGCNO
from graphkit.nn.snapshot import PairHistory, SnapshotPredictor, as_snapshot

N = 12


def snapshots(count, shared, seed=0):
    """Some edges are parallel, the second snapshot has none."""
    draw = torch.Generator().manual_seed(seed)
    made = []
    for t in range(count):
        edge_index = torch.randint(8, (2, 0 if t == 1 else 9), generator=draw)
        x = torch.zeros(N, dtype=torch.int64)
        x[edge_index.reshape(-1)] = 1
        s = as_snapshot(Data(x=x, edge_index=torch.cat([edge_index, edge_index[:, ::2]], dim=1)))
        made.append(s.shared() if shared else s)
    return made


def by_loop(history, given, u, v):
    total = 0.0
    for ago, s in enumerate(reversed(given)):
        if ago < history.steps:
            edges = {(a, b) for a, b in s.node_edges().T.tolist()}
            total += history.weight[ago].item() * ((u, v) in edges)
    return total


def every_pair():
    return torch.cartesian_prod(torch.arange(N), torch.arange(N)).T


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("steps, seen", [(1, 4), (3, 4), (4, 4), (6, 3)])
def test_offsets_equal_a_loop(shared, steps, seen):
    history, given = PairHistory(steps), snapshots(seen, shared)
    torch.nn.init.normal_(history.weight, generator=torch.Generator().manual_seed(1))
    src, dst = every_pair()
    found = history(given, src, dst)
    want = torch.tensor([by_loop(history, given, u, v) for u, v in zip(src.tolist(), dst.tolist())])
    torch.testing.assert_close(found, want)
    met = history.pairs(given)
    full = torch.zeros(N, N)
    full[met.sources, met.targets] = met.offsets
    torch.testing.assert_close(full.reshape(-1), want)
    assert (met.sources * N + met.targets).unique().numel() == met.sources.numel()


def test_rows_that_idle_nodes_share_change_nothing():
    history = PairHistory(3)
    apart, shared = snapshots(3, False), snapshots(3, True)
    assert shared[0].num_rows < N == shared[0].num_nodes
    for one, other in zip(apart, shared):
        assert set(map(tuple, one.node_edges().T.tolist())) == set(
            map(tuple, other.node_edges().T.tolist())
        )
    torch.testing.assert_close(history(apart, *every_pair()), history(shared, *every_pair()))


def test_gradient_counts_the_hits():
    history, given = PairHistory(3), snapshots(3, True)
    src, dst = every_pair()
    history(given, src, dst).sum().backward()
    hits = [s.node_edges().shape[1] for s in reversed(given)]
    assert history.weight.grad.tolist() == hits


def test_begins_with_a_memory_that_fades_and_round_trips():
    history = PairHistory(3)
    torch.testing.assert_close(history.weight.detach(), torch.tensor([4.0, 2.8, 1.96]))
    other = PairHistory(3)
    torch.nn.init.zeros_(other.weight)
    other.load_state_dict(history.state_dict())
    assert torch.equal(other.weight, history.weight)
    torch.nn.init.zeros_(other.weight)
    other.reset_parameters()
    assert torch.equal(other.weight, history.weight)
    with pytest.raises(GraphError, match="steps"):
        PairHistory(0)


def task(**other):
    return SimpleNamespace(
        **{
            "num_classes": 2,
            "num_nodes": N,
            "mode": "window",
            "timeline": SimpleNamespace(reach=3),
            **other,
        }
    )


def test_a_predictor_has_one_if_asked():
    made = SnapshotPredictor.for_task(task(), EvolveGCNO(2, 4), 5, 3)
    assert made.pair_history.steps == 3
    assert "pair_history.weight" in made.state_dict()
    torch.nn.init.zeros_(made.pair_history.weight)
    made.reset_parameters()
    assert float(made.pair_history.weight.detach()[0]) == 4
    assert SnapshotPredictor.for_task(task(), EvolveGCNO(2, 4)).pair_history is None


@pytest.mark.parametrize(
    "other, fix", [({}, "history=3"), ({"mode": "carry"}, "bptt=4"), ({"subject": "edges"}, "link")]
)
def test_a_predictor_refuses_what_cannot_be(other, fix):
    with pytest.raises(GraphError, match=fix):
        SnapshotPredictor.for_task(task(**other), EvolveGCNO(2, 4), 5, 4)
