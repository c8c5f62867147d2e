"""What tasks share whatever they ask: the graph that they are made of, and their record."""

from __future__ import annotations

from typing import Any, ClassVar

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError

__all__ = ["GraphTask", "check_graph"]


class GraphTask:
    """A question about a graph.

    A task of its own answers :meth:`identity` and :meth:`_summary`; what the engine wants besides
    stands in :class:`~graphkit.protocols.Task`.

    Args:
        graph: The graph.

    Attributes:
        name: Registered name.
        view: The view of the graph that its models read, ``"stream"``, ``"snapshot"``,
            ``"signal"`` or ``"static"``.
        dataset: Name of the graph, for results.

    Raises:
        GraphError: It is not a :class:`~graphkit.TemporalGraph`.
    """

    name: ClassVar[str]
    view: ClassVar[str]

    def __init__(self, graph: TemporalGraph) -> None:
        check_graph(graph)
        self.graph, self.dataset = graph, graph.name or "graph"

    def columns_read(self, model: Any) -> set[str] | None:
        """The columns of the graph that the task, or a model in it, reads besides events, labels
        and names; ``None`` if it does not say.

        Args:
            model: The model.
        """
        return None

    def identity(self) -> dict[str, Any]:
        """The part of :meth:`protocol` that decides the numbers."""
        raise NotImplementedError

    def protocol(self) -> dict[str, Any]:
        """What is asked and how each metric is computed, as plain values."""
        return {"summary": self._summary(), **self.identity()}

    def _summary(self) -> str:
        """The protocol in one line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dataset}: {self._summary()})"


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
