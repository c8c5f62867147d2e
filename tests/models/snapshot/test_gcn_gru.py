"""The baselines against dense formulas."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.models.snapshot import GCNGRU, SnapshotGCN
from graphkit.nn.snapshot import as_snapshot
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
