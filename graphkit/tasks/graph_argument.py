"""The graph that a task is made of."""

from __future__ import annotations

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError

__all__ = ["check_graph"]


def check_graph(graph: object) -> None:
    """Refuse what is not a graph, such as the name of one.

    Raises:
        GraphError: It is not a :class:`~graphkit.TemporalGraph`.
    """
    if isinstance(graph, TemporalGraph):
        return
    fix = "Make one with TemporalGraph.from_csv, from_pandas or from_pyg."
    if isinstance(graph, str):
        fix = f"Load it first: graphkit.load({graph!r})."
    raise GraphError(
        "graph", "not a graph", expected="a TemporalGraph", got=type(graph).__name__, fix=fix
    )
