"""The protocol of TGB: board figures that need no training, and ranks among padded lists."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

import graphkit
from graphkit import LinkPrediction, TemporalGraph
from graphkit.errors import GraphError
from graphkit.models.stream.edgebank import EdgeBank
from graphkit.sampling.negatives import FixedNegatives


def a_stream(num_events: int = 400) -> TemporalGraph:
    draw = torch.Generator().manual_seed(1)
    src = torch.randint(8, (num_events,), generator=draw)
    dst = 8 + torch.randint(15, (num_events,), generator=draw)
    t = torch.randint(0, 2, (num_events,), generator=draw).cumsum(0)
    return TemporalGraph(src, dst, t, num_nodes=23)


class Hashed(nn.Module):
    """Scores by a hash of the pair with many ties, and records the most candidates of a call."""

    edge_dim = 0

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        assert int(dst.min()) >= 0, "padding reached the model"
        self.most = max(self.most, dst.shape[1])
        return ((src.unsqueeze(1) * 31 + dst * 17) % 5).float()

    def observe(self, events) -> None: ...

    def reset_state(self) -> None: ...

    def grow(self, num_nodes: int, x=None) -> None: ...

    num_nodes = 23


def test_edgebank_gives_the_figures_of_the_board(graphkit_data: Path) -> None:
    graph = graphkit.load("wikipedia")
    task = LinkPrediction.tgb(graph)
    assert task.candidates == 999
    found = graphkit.evaluate(EdgeBank.from_task(task), task, batch_size=200)
    assert found["mrr"] == pytest.approx(0.4947, abs=5e-5)  # board: .495
    # The published window: 15 % of the time span of training, sliding with the stream.
    window = 0.15 * (task.split.train.t_max - graph.t_min)
    model = EdgeBank.from_task(task, memory="time_window", window=window)
    found = graphkit.evaluate(model, task, batch_size=200)
    assert found["mrr"] == pytest.approx(0.5710, abs=5e-5)  # board: .571


@pytest.mark.parametrize("num", [3, 6, None])
def test_ranks_with_ties_and_padding(num: int | None) -> None:
    task = LinkPrediction.tgb(a_stream(), num_negatives=num, candidate_tile=4)
    model = Hashed()
    found = graphkit.evaluate(model, task, batch_size=50)
    test = task.split.test
    rows = task.questions.lists["test"].sample(test.batches(size=len(test))[0]).tolist()
    reciprocal, hits = [], []
    for u, v, others in zip(test.src.tolist(), test.dst.tolist(), rows):
        scores = [(u * 31 + w * 17) % 5 for w in [v, *(w for w in others if w >= 0)]]
        rank = rankdata([-s for s in scores], method="average")[0]
        reciprocal.append(1 / rank)
        hits.append(rank <= 10)
    assert found["mrr"] == pytest.approx(sum(reciprocal) / len(reciprocal))
    assert found["hits@10"] == pytest.approx(sum(hits) / len(hits))
    assert model.most <= 4


def test_tiles_change_nothing() -> None:
    graph = a_stream()
    found = [
        graphkit.evaluate(Hashed(), LinkPrediction.tgb(graph, candidate_tile=tile), batch_size=50)
        for tile in (1, 5, None)
    ]
    assert found[0] == found[1] == found[2]


def test_given_lists_are_checked_and_recorded() -> None:
    graph = a_stream()
    drawn = LinkPrediction.tgb(graph, num_negatives=3)
    task = LinkPrediction.tgb(graph, lists=drawn.questions.lists)
    assert task.protocol()["lists"] == "given"
    assert drawn.protocol()["lists"] == "drawn by the rule of the benchmark"
    assert task.protocol()["lists_sha256"] == drawn.protocol()["lists_sha256"]
    swapped = {"val": drawn.questions.lists["test"], "test": drawn.questions.lists["val"]}
    with pytest.raises(GraphError, match="no list for this event"):
        LinkPrediction.tgb(graph, lists=swapped)
    with pytest.raises(GraphError, match="validation and test"):
        LinkPrediction.tgb(graph, lists={"test": drawn.questions.lists["test"]})
    with pytest.raises(GraphError, match="own length"):
        LinkPrediction.tgb(graph, num_negatives=3, lists=drawn.questions.lists)
    far = FixedNegatives(
        torch.full((len(drawn.split.val), 1), 99), drawn.split.val.event_id.clone()
    )
    with pytest.raises(GraphError, match="too large"):
        LinkPrediction.tgb(graph, lists={**drawn.questions.lists, "val": far})
    with pytest.raises(GraphError, match="candidate_tile"):
        LinkPrediction.tgb(graph, candidate_tile=0)


def test_training_selects_by_the_mrr_of_the_validation() -> None:
    task = LinkPrediction.tgb(a_stream(), num_negatives=5)
    model = graphkit.models.NAT.from_task(task)
    result = graphkit.fit(model, task, epochs=2, batch_size=50, progress=False)
    assert set(result.metrics["val"]) == set(result.metrics["test"]) == {"mrr", "hits@10"}
