"""What each node's changing features and labels were at a moment of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["NodeValues"]


class NodeValues:
    """The last value of every node before a time, from a graph's node events.

    Looking a time up costs ``O(N log M)`` and the memory of its result. A slice in time sees the
    node events before its beginning too, but none after its end.

    Args:
        graph: Where the static columns ``x``, ``y``, ``node_type`` and the node events are.
    """

    def __init__(self, graph: TemporalGraph) -> None:
        self._graph, self.num_nodes = graph, graph.num_nodes
        self._events = changes = graph.columns.node_events
        if changes is None:
            return
        self._events = changes = changes[: graph.node_event_range[1]]
        num = len(changes)
        # One key per node event, sorted: by node, then by position in time.
        key = changes.node * (num + 1) + torch.arange(num, device=changes.node.device)
        self._key, self._order = torch.sort(key)
        self._nodes = torch.arange(graph.num_nodes, device=key.device)

    def write(self, data: Data, before: int | float | None) -> None:
        """Set ``x``, ``y``, ``node_type`` of ``data`` to what they were just before a time.

        Features that change replace static ones: where a node has no value yet, it keeps its
        static row if the shapes agree, else zeros for ``x`` and ``y`` of floating point and -1
        for whole-number ``y``. ``x_mask`` and ``y_mask``, bool ``[N]``, tell which nodes have a
        value that came from a node event. Static features of another shape are ``x_static``,
        ``y_static``.

        Args:
            data: The graph to complete.
            before: Time, exclusive; ``None`` for the end of time.
        """
        graph, changes = self._graph, self._events
        if graph.node_type is not None:
            data.node_type = graph.node_type
        row = None
        for column in ("x", "y"):
            static = getattr(graph, column)
            values = None if changes is None else getattr(changes, column)
            if values is None:
                if static is not None:
                    data[column] = static
                continue
            if row is None:
                row, known = self._rows(before)
            base = static
            if static is None or static.shape[1:] != values.shape[1:]:
                if static is not None:
                    data[f"{column}_static"] = static
                blank = -1 if column == "y" and not values.is_floating_point() else 0
                base = values.new_full((graph.num_nodes, *values.shape[1:]), blank)
            if len(changes):
                lines = known.view(-1, *[1] * (values.dim() - 1))
                base = torch.where(lines, values.index_select(0, row), base)
            data[column] = base
            data[f"{column}_mask"] = known

    def _rows(self, before: int | float | None) -> tuple[Tensor, Tensor]:
        """Row of the last node event of every node, and whether there is one; int64, bool [N]."""
        num = len(self._events)
        stop = num
        if before is not None and num:
            limit = torch.as_tensor(before, dtype=self._events.t.dtype)
            stop = int(torch.searchsorted(self._events.t, limit.to(self._events.t.device)))
        place = torch.searchsorted(self._key, self._nodes * (num + 1) + stop) - 1
        if num == 0:
            return place, torch.zeros_like(place, dtype=torch.bool)
        row = self._order[place.clamp(min=0)]
        known = (place >= 0) & (self._events.node[row] == self._nodes)
        return row, known
