"""The plain EvolveGCN computes what graphkit's does; and the benchmark beside it runs."""

import pytest
import torch

from graphkit import load
from graphkit.tasks.snapshot_link_prediction import SnapshotLinkPrediction


@pytest.fixture
def pair():
    from benchmarks.speed.evolvegcn import Ours, Plain

    graph = load("triadic", num_events=1_500, num_nodes=60)
    task = SnapshotLinkPrediction(graph, count=14, history=2, negatives=3)
    ours = Ours(task, "evolvegcn_o", hidden_channels=6, classifier_channels=5)
    return ours, Plain(ours)


def test_same_scores_and_metrics(pair):
    ours, plain = pair
    adjacencies, features = plain.links.sample(5)
    assert len(adjacencies) == 3
    snapshot = ours.task.timeline.snapshots()[5]
    want = ours.model(ours.task.timeline.seen(5))
    h = plain.model(adjacencies, features)
    torch.testing.assert_close(h, want if snapshot.position is None else want[snapshot.position])
    found = ours.validate()
    # Scores that are equal in the one may differ by a rounding in the other, and so their ranks.
    assert plain.validate() == pytest.approx((found["map"], found["mrr"]), rel=2e-3)


def test_samples_and_negatives(pair):
    _, plain = pair
    true = plain.links.true(5)
    drawn = plain.links.drawn(5, true)
    assert drawn.shape[1] == 3 * true.shape[1]
    keys = (drawn[0] * 60 + drawn[1]).tolist()
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set((true[0] * 60 + true[1]).tolist())
    assert bool((drawn[0] != drawn[1]).all())


def test_both_learn(pair):
    ours, plain = pair
    first = ours.train(), plain.train()
    assert first[0] == pytest.approx(first[1], rel=0.2)  # other negatives
    for _ in range(5):
        last = ours.train(), plain.train()
    assert last[0] < first[0]
    assert last[1] < first[1]


def test_rows(monkeypatch):
    from benchmarks.speed import cells, evolvegcn

    graph = load("triadic", num_events=1_500, num_nodes=60)
    monkeypatch.setattr(evolvegcn, "stream", lambda: graph)
    monkeypatch.setattr(evolvegcn, "_QUICK", {"count": 12, "history": 2, "negatives": 3})
    before = torch.get_rng_state()
    rows = evolvegcn.run(quick=True)
    assert torch.equal(torch.get_rng_state(), before)
    assert [r["baseline_s"] is None for r in rows] == [False, False, True, False, True]
    for row in rows:
        assert row["ours_s"] > 0
        assert len(cells(row)) == 6
