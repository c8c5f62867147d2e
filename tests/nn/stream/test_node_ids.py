"""Node ids that a stream model has no state for, in every stream model."""

import pytest
import torch

from graphkit import load
from graphkit.errors import GraphError
from graphkit.nn.stream import check_node_ids
from graphkit.registry import get


@pytest.mark.parametrize("wrong", [-1, 10])
def test_check_node_ids(wrong):
    with pytest.raises(GraphError, match=rf"'nodes'.*0 <= id < 10; got {wrong}\."):
        check_node_ids(torch.tensor([[0, 9], [wrong, 3]]), 10)


def test_what_fits():
    check_node_ids(torch.tensor([0, 9]), 10)
    check_node_ids(torch.arange(0), 0)
    check_node_ids(torch.tensor([12], device="meta"), 10)


@pytest.mark.parametrize("wrong", [-1, 10])
@pytest.mark.parametrize("end", ["src", "dst"])
@pytest.mark.parametrize("name", ["nat", "tgn", "edgebank", "history"])
def test_models_say_so(name, end, wrong):
    graph = load("triadic", num_events=50, num_nodes=10)
    model, batch = get("model", name).from_graph(graph), graph.batches(size=5)[0]
    getattr(batch, end)[2] = wrong
    with pytest.raises(GraphError, match=f"0 <= id < 10; got {wrong}"):
        model.score(batch.src, batch.dst, batch.t)
    with pytest.raises(GraphError, match=f"0 <= id < 10; got {wrong}"):
        model.observe(batch)
