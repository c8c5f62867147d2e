"""Base class of all tasks: their graph and their record."""

from __future__ import annotations

from typing import Any, ClassVar

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError

__all__ = ["GraphTask", "check_graph"]


class GraphTask:
    """Base class of tasks.

    Subclasses implement :meth:`columns_read`, :meth:`identity` and :meth:`_summary`; the other
    methods that the engine requires are listed in :class:`~graphkit.protocols.Task`.

    Args:
        graph: The graph.

    Attributes:
        name: Registered name.
        view: View of the graph that models of this task read: ``"stream"``, ``"snapshot"``,
            ``"signal"`` or ``"static"``.
        dataset: Name of the graph in results.

    Raises:
        GraphError: ``graph`` is not a :class:`~graphkit.TemporalGraph`.
    """

    name: ClassVar[str]
    view: ClassVar[str]

    def __init__(self, graph: TemporalGraph) -> None:
        check_graph(graph)
        self.graph, self.dataset = graph, graph.name or "graph"

    def columns_read(self, model: Any) -> set[str]:
        """Return the columns of the graph that are model input in this task, besides events,
        labels and names. The engine names the other columns in a warning and in the record.

        Args:
            model: The model. The engine subtracts its ``columns_ignored``.
        """
        raise NotImplementedError

    def columns_declined(self) -> set[str]:
        """Return the columns that arguments of the task exclude, which need no warning."""
        return set()

    def identity(self) -> dict[str, Any]:
        """Return the part of :meth:`protocol` that determines the numbers."""
        raise NotImplementedError

    def protocol(self) -> dict[str, Any]:
        """Return the queries and the definition of each metric, as plain values."""
        return {"summary": self._summary(), **self.identity()}

    def _summary(self) -> str:
        """Return the protocol in one line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dataset}: {self._summary()})"


def check_graph(graph: object) -> None:
    """Raise if a value is not a graph, such as the name of a data set.

    Raises:
        GraphError: The value is not a :class:`~graphkit.TemporalGraph`.
    """
    if isinstance(graph, TemporalGraph):
        return
    fix = "Make one with TemporalGraph.from_csv, from_pandas or from_pyg."
    if isinstance(graph, str):
        fix = f"Load it first: graphkit.load({graph!r})."
    raise GraphError(
        "graph", "not a graph", expected="a TemporalGraph", got=type(graph).__name__, fix=fix
    )
