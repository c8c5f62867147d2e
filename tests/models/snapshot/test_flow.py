"""Which way messages go: an argument of every model that convolves, and of the task's timeline."""

import json
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphkit import SnapshotLinkPrediction, TemporalGraph, registry
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.snapshot import GCNGRU, EvolveGCNH, EvolveGCNO, SnapshotGCN
from graphkit.nn.snapshot import FLOWS, as_snapshot

MODELS = [EvolveGCNH, EvolveGCNO, GCNGRU, SnapshotGCN]
CONFIGS = Path(__file__).parents[3] / "benchmarks" / "configs"
DIRECTED = torch.tensor([[0, 0, 1, 3], [1, 2, 2, 1]])


def snapshots(edge_index):
    draw = torch.Generator().manual_seed(0)
    return [Data(x=torch.randn(5, 3, generator=draw), edge_index=edge_index) for _ in range(3)]


def build(make, **options):
    torch.manual_seed(0)
    return make(3, 4, **options)


@pytest.mark.parametrize("make", MODELS)
def test_turned_edges_and_turned_flow_cancel(make):
    default, other = build(make), build(make, flow="target_to_source")
    assert default.flow == "source_to_target"
    out = default(snapshots(DIRECTED))[0]
    torch.testing.assert_close(other(snapshots(DIRECTED.flip(0)))[0], out)
    assert not torch.allclose(other(snapshots(DIRECTED))[0], out)
    both = to_undirected(DIRECTED)
    assert torch.equal(other(snapshots(both))[0], default(snapshots(both))[0])


@pytest.mark.parametrize("make", MODELS)
def test_ready_snapshots_must_fit(make):
    ready = [as_snapshot(s, "target_to_source") for s in snapshots(DIRECTED)]
    model = build(make, flow="target_to_source")
    assert torch.equal(model(ready)[0], model(snapshots(DIRECTED))[0])
    with pytest.raises(GraphError, match="messages in the other direction"):
        build(make)(ready)
    with pytest.raises(UnknownNameError, match="flow"):
        build(make, flow="backwards")


def directed_task(**options):
    draw = torch.Generator().manual_seed(1)
    src, dst = torch.randint(8, (2, 120), generator=draw)
    graph = TemporalGraph(src, dst, torch.arange(120))
    return SnapshotLinkPrediction(
        graph, every=10, history=2, symmetric=False, negatives=3, seed=0, **options
    )


@pytest.mark.parametrize("name", ["evolvegcn_h", "evolvegcn_o", "gcn_gru", "gcn_snapshot"])
def test_a_model_for_a_task_has_the_flow_of_its_timeline(name):
    found = {}
    for flow in FLOWS:
        task = directed_task(flow=flow)
        assert task.timeline.describe()["flow"] == flow
        torch.manual_seed(0)
        model = registry.get("model", name).from_task(task, hidden_channels=4)
        assert model.encoder.flow == flow
        seen = task.timeline.seen(4)
        assert {s.flow for s in seen} == {flow}
        found[flow] = model(seen)
    assert not torch.allclose(*found.values())
    assert directed_task().timeline.flow == "source_to_target"
    with pytest.raises(UnknownNameError, match="Did you mean 'source_to_target'"):
        directed_task(flow="source_to_targets")


def test_published_and_tuned_settings_keep_the_direction_of_the_authors():
    names = {"evolvegcn_h", "evolvegcn_o", "gcn_gru", "gcn_snapshot"}
    files = [path for path in CONFIGS.rglob("*.json") if path.stem in names]
    assert len(files) == 20
    for path in files:
        sections = json.loads(path.read_text())
        assert sections["default"]["task"]["flow"] == "target_to_source", path
        assert all("flow" not in s.get("task", {}) for k, s in sections.items() if k != "default")
