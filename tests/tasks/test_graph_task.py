"""A task is made of a graph, and says so."""

import pytest

from graphkit import tasks
from graphkit.errors import GraphError


@pytest.mark.parametrize("task", [n for n in tasks.__all__ if isinstance(getattr(tasks, n), type)])
@pytest.mark.parametrize("graph", [None, "collegemsg", [1, 2]], ids=str)
def test_what_is_no_graph(task, graph):
    with pytest.raises(GraphError, match="'graph': not a graph") as found:
        getattr(tasks, task)(graph)
    if isinstance(graph, str):
        assert "graphkit.load('collegemsg')" in str(found.value)
