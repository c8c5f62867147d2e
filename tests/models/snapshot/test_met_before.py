"""Pairs that have met, against a dictionary of when."""

import pytest
import torch

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.models.snapshot import MetBefore
from graphkit.tasks.edge_classification import EdgeClassification
from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction


def graph():
    draw = torch.Generator().manual_seed(0)
    src, dst = torch.randint(12, (2, 300), generator=draw)
    return TemporalGraph(src, dst, torch.arange(300), edge_y=(src + dst) % 2, num_nodes=12)


def test_scores_are_those_of_the_latest_meetings():
    task = SnapshotLinkPrediction(graph(), every=15, history=3, negatives=2)
    model = MetBefore.from_task(task)
    assert model.pair_history.steps == 4
    for query in task.stream("train"):
        edges = [set(zip(*task.timeline.edges[query.step - ago].tolist())) for ago in range(4)]
        pairs = list(zip(query.src.tolist(), query.dst.tolist()))
        want = [
            sum(4 * 0.7**ago for ago in range(4) if pair in edges[ago] and pair[0] != pair[1])
            for pair in pairs
        ]
        scores = task.score(model, query).prediction.detach()
        torch.testing.assert_close(scores - scores[0], torch.tensor(want) - want[0])


def test_looks_back_as_far_as_it_is_told():
    task = SnapshotLinkPrediction(graph(), every=15, history=3)
    assert MetBefore.from_task(task, pair_history=2).pair_history.steps == 2
    with pytest.raises(GraphError, match="pair_history"):
        MetBefore.from_task(EdgeClassification(graph(), every=15, history=3))
    with pytest.raises(GraphError, match="nothing is left"):
        MetBefore.from_task(task, pair_history=0)
    with pytest.raises(GraphError, match="snapshots"):
        MetBefore(3)([])
