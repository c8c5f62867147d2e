"""Places of a signal where rows are not one step apart, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from graphkit.data.cadence import signal_breaks
from graphkit.data.schema_times import Clock
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["Gaps", "find_gaps"]


class Gaps(NamedTuple):
    """Rows that are not one step after the row before them.

    Attributes:
        rows: int64 ``[K]``, their numbers.
        before: Time of the row before the first of them, as the source of the graph has it.
        after: Time of the first of them.
    """

    rows: Tensor
    before: Any
    after: Any

    def __str__(self) -> str:
        return (
            f"'signal_t': the rows are not regular in {len(self.rows)} places, first in row "
            f"{int(self.rows[0])} ({self.after} follows {self.before})"
        )

    def error(self, fix: str) -> GraphError:
        """The error about the first place."""
        return GraphError(
            "signal_t",
            f"the rows are not regular in {len(self.rows)} places",
            row=int(self.rows[0]),
            expected=f"one step after {self.before}",
            got=str(self.after),
            fix=fix,
        )


def find_gaps(graph: TemporalGraph) -> Gaps | None:
    """Find the places within recordings where rows are not one step apart.

    Args:
        graph: A graph with a signal.

    Returns:
        The places; ``None`` if there are none, or the rows have no times.
    """
    if graph.signal_t is None:
        return None
    rows = signal_breaks(graph.signal_t, graph.signal_recording).nonzero().flatten()
    if not len(rows):
        return None
    clock, row = Clock.of(graph, signal=True), int(rows[0])
    before, after = (clock.write_one(graph.signal_t[r].item()) for r in (row - 1, row))
    return Gaps(rows, before, after)
