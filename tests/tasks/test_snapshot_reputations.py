"""Reputations against a walk through the events."""

import math

import pytest
import torch

from graphkit import TemporalGraph
from graphkit.errors import GraphError
from graphkit.tasks.edge_classification import EdgeClassification
from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction
from graphkit.tasks.snapshot_reputations import class_votes, reputations
from graphkit.tasks.snapshot_timeline import Timeline


def stream(num_events=60, num_nodes=7, classes=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    ends = torch.randint(num_nodes, (2, num_events), generator=draw)
    y = torch.randint(classes, (num_events,), generator=draw)
    t = torch.randint(100, (num_events,), generator=draw).sort().values
    t[0], t[-1] = 0, 99
    return TemporalGraph(ends[0], ends[1], t, edge_y=y, num_nodes=num_nodes)


def test_equals_a_walk_through_the_events():
    graph, lives = stream(), (0, 2)
    found = reputations(graph, lives, every=10)
    assert len(found) == 10
    for step, x in enumerate(found):
        assert x.shape == (7, 2 * 3 * 2 + 1)
        total = torch.zeros(7, 2, 3, 2, dtype=torch.float64)
        for u, v, t, y in zip(*(c.tolist() for c in (graph.src, graph.dst, graph.t, graph.edge_y))):
            ago = step - 1 - t // 10  # of what stood there at the end of the step before
            if ago < 0:
                continue
            fade = torch.tensor([float(ago == 0), 2 ** (-ago / 2)], dtype=torch.float64)
            total[u, 0, y] += fade
            total[v, 1, y] += fade
        want = (torch.log2(1 + 16 * total)).round() / 4  # resolution 1/4 of log2(1 + 16 a) / 4
        torch.testing.assert_close(x[:, :-1], want.flatten(1).float(), rtol=0, atol=1e-6)
        assert torch.equal(x[:, -1], (total[..., 1] > 0).flatten(1).any(1).float())


def test_classes_of_a_step_do_not_reach_its_features():
    graph = stream()
    later = graph.t >= 50
    other = TemporalGraph(
        graph.src,
        graph.dst,
        graph.t,
        edge_y=torch.where(later, 2 - graph.edge_y, graph.edge_y),
        num_nodes=7,
    )
    one, two = (Timeline(g, every=10, history=1, features="reputation") for g in (graph, other))
    assert all(torch.equal(a, b) for a, b in zip(one.x[:6], two.x[:6]))  # step 5 is the first
    assert not torch.equal(one.x[6], two.x[6])


def test_activity_comes_first_and_steps_agree():
    options = {"every": 10, "first": 8, "skip_empty": True, "history": 1, "half_lives": (0, 3)}
    known = Timeline(stream(), features="reputation", **options)
    active = Timeline(stream(), features="activity", **options)
    assert known.in_channels == 3 + 13
    assert len(known.x) == len(active.x) == len(known) == 8
    assert all(torch.equal(a[:, :3], b) for a, b in zip(known.x, active.x))
    assert known.describe()["features"] == "reputation of half-lives 0 3, 16 channels"


def test_for_both_tasks():
    options = {"every": 10, "history": 1, "features": "reputation"}
    assert EdgeClassification(stream(), **options).in_channels == 5 + 25
    assert SnapshotLinkPrediction(stream(), negatives=1, **options).in_channels == 5 + 25


def test_no_classes():
    graph = stream()
    none = TemporalGraph(graph.src, graph.dst, graph.t, num_nodes=7)
    real = TemporalGraph(graph.src, graph.dst, graph.t, edge_y=torch.rand(60), num_nodes=7)
    for bad in (none, real):
        with pytest.raises(GraphError, match="edge_y"):
            class_votes(bad)
        with pytest.raises(GraphError, match="edge_y"):
            Timeline(bad, every=10, history=1, features="reputation")
    assert math.isclose(float(class_votes(graph).sum()), 60)
