"""A task is made of a graph, and says so."""

import pytest

from graphkit import registry
from graphkit.errors import GraphError


@pytest.mark.parametrize("task", registry.names("task"))
@pytest.mark.parametrize("graph", [None, "collegemsg", [1, 2]], ids=str)
def test_what_is_no_graph(task, graph):
    with pytest.raises(GraphError, match="'graph': not a graph") as found:
        registry.get("task", task)(graph)
    if isinstance(graph, str):
        assert "graphkit.load('collegemsg')" in str(found.value)
