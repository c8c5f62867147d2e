"""The baselines against dense formulas."""

import pytest
import torch
from torch_geometric.data import Data

from graphkit.errors import GraphError
from graphkit.models.snapshot import GCNGRU, SnapshotGCN
from graphkit.nn.snapshot import as_snapshot, detach_state
from graphkit.testing.snapshot_model import random_snapshots


def dense_gcn(weights, data):
    a_hat, h = as_snapshot(data).dense(), data.x
    for w in weights:
        h = torch.relu(a_hat @ h @ w)
    return h


def test_gcn_sees_the_last_snapshot_only():
    torch.manual_seed(0)
    model, snapshots = SnapshotGCN(5, 4), random_snapshots(3)
    torch.testing.assert_close(model(snapshots)[0], dense_gcn(model.weights, snapshots[-1]))


def test_gcn_gru_equals_a_loop_over_nodes():
    torch.manual_seed(0)
    model, snapshots = GCNGRU(5, 4), random_snapshots(4)
    sequence = torch.stack([dense_gcn(model.weights, s) for s in snapshots])
    out = model(snapshots)[0]
    for v in range(11):
        torch.testing.assert_close(out[v], model.gru(sequence[:, v])[0][-1])


def test_gcn_gru_needs_the_same_nodes():
    model = GCNGRU(5, 4)
    _, state = model(random_snapshots(1))
    with pytest.raises(GraphError, match="the same nodes"):
        model(random_snapshots(1, num_nodes=12), state)


@pytest.mark.parametrize("outputs", ["last", "all"])
@pytest.mark.parametrize("begun", [False, True])
def test_nodes_that_were_always_idle_share_a_state(outputs, begun):
    """Snapshots whose idle nodes share a row give what snapshots with a row for each give."""
    draw = torch.Generator().manual_seed(0)
    n, full = 30, []
    for _ in range(4):
        edge_index = torch.randint(9, (2, 12), generator=draw)
        x = torch.arange(n).remainder(2).index_fill(0, edge_index.reshape(-1), 1)
        full.append(as_snapshot(Data(x=x, edge_index=edge_index)))
    torch.manual_seed(0)
    model = GCNGRU(2, 4)
    state = detach_state(model(full[:1])[1]) if begun else None
    results = []
    for given in (full, [s.shared() for s in full]):
        out, (last,) = model(given, state, outputs)
        model.zero_grad()
        (out if outputs == "last" else sum(out)).square().sum().backward()
        grads = [p.grad.clone() for p in model.parameters()]
        results.append((out, last, grads))
    assert results[0][1].shape == (1, n, 4)
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("idle", [0, 1, 5])
def test_how_many_are_always_idle_does_not_matter(idle):
    n = 6
    edge_index = torch.stack([torch.arange(n - idle), torch.arange(n - idle).roll(1)])
    x = torch.zeros(n, dtype=torch.int64)
    snapshot = as_snapshot(Data(x=x, edge_index=edge_index))
    torch.manual_seed(0)
    model = GCNGRU(1, 3)
    torch.testing.assert_close(model([snapshot])[0], model([snapshot.shared()])[0])
