"""Ends and times that do not belong together, and nodes without a state, in every stream model."""

import pytest
import torch

from graphkit import load
from graphkit.errors import GraphError
from graphkit.nn.stream import check_node_ids, check_pairs
from graphkit.registry import get

FIVE = torch.arange(5)
WRONG = [
    (FIVE, FIVE[:3], FIVE, r"'dst'.*\[5\] or \[5, C\].*got \[3\]"),
    (FIVE, FIVE.view(1, 5), FIVE, r"'dst'.*got \[1, 5\]"),
    (FIVE, FIVE, FIVE[:1], r"'t'.*got \[1\]"),
    (FIVE.view(5, 1), FIVE, FIVE, r"'src'.*got \[5, 1\]"),
]


@pytest.mark.parametrize(("src", "dst", "t", "message"), WRONG)
def test_check_pairs(src, dst, t, message):
    with pytest.raises(GraphError, match=message):
        check_pairs(src, dst, t)


def test_pairs_that_fit():
    check_pairs(FIVE, FIVE, FIVE)
    check_pairs(FIVE, FIVE.expand(3, 5).t(), FIVE)
    check_pairs(FIVE[:0], FIVE[:0], FIVE[:0])


@pytest.mark.parametrize("name", ["nat", "tgn", "edgebank", "history"])
def test_models_refuse_pairs_that_do_not_fit(name):
    model = get("model", name).from_graph(load("triadic", num_events=50, num_nodes=10))
    with pytest.raises(GraphError, match="'dst'"):
        model.score(FIVE, FIVE[:3], FIVE)


@pytest.mark.parametrize("wrong", [-1, 10])
def test_check_node_ids(wrong):
    with pytest.raises(GraphError, match=rf"'nodes'.*0 <= id < 10; got {wrong}\."):
        check_node_ids(torch.tensor([[0, 9], [wrong, 3]]), 10)


def test_ids_that_fit():
    check_node_ids(torch.tensor([0, 9]), 10)
    check_node_ids(torch.arange(0), 0)
    check_node_ids(torch.tensor([12], device="meta"), 10)


@pytest.mark.parametrize("wrong", [-1, 10])
@pytest.mark.parametrize("end", ["src", "dst"])
@pytest.mark.parametrize("name", ["nat", "tgn", "edgebank", "history"])
def test_models_refuse_nodes_without_a_state(name, end, wrong):
    graph = load("triadic", num_events=50, num_nodes=10)
    model, batch = get("model", name).from_graph(graph), graph.batches(size=5)[0]
    getattr(batch, end)[2] = wrong
    with pytest.raises(GraphError, match=f"0 <= id < 10; got {wrong}"):
        model.score(batch.src, batch.dst, batch.t)
    with pytest.raises(GraphError, match=f"0 <= id < 10; got {wrong}"):
        model.observe(batch)
