"""Every static model is made for a task as for the graph of the task."""

from types import SimpleNamespace

import pytest
import torch

from graphkit import registry
from graphkit.testing.static_model import STATIC_CASES


@pytest.mark.parametrize("name", registry.names("model", view="static"))
def test_as_from_graph(name):
    graph = STATIC_CASES["plain"].graph()
    task, made = SimpleNamespace(graph=graph), []
    make = registry.get("model", name)
    for factory, given in ((make.from_graph, graph), (make.from_task, task)):
        torch.manual_seed(5)
        made.append(factory(given, hidden_channels=7).state_dict())
    assert made[0].keys() == made[1].keys()
    assert all(torch.equal(made[0][key], made[1][key]) for key in made[0])
    assert any(7 in value.shape for value in made[1].values())
