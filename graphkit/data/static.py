"""The static view: everything up to a time as one PyG ``Data``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch_geometric.data import Data

from graphkit.data.coalesce import EdgeColumns, column_reductions
from graphkit.data.node_values import NodeValues

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["static"]

_EDGE_COLUMNS = ("edge_attr", "edge_weight", "edge_type", "edge_y")


def static(
    graph: TemporalGraph,
    at: int | float | None = None,
    *,
    coalesce: bool = False,
    reduce: str | Mapping[str, str] = "sum",
) -> Data:
    """Everything that happened before a time; see :meth:`TemporalGraph.static`.

    Args:
        graph: Any graph.
        at: Events with ``t < at`` are taken, as in ``between``; all of them if ``None``.
        coalesce: Make parallel edges one and sort them by source, then destination, as a
            cumulative snapshot does. Otherwise each event is an edge, in order of time.
        reduce: How parallel edges become one; see :func:`graphkit.data.snapshots.snapshots`.

    Returns:
        ``Data`` with ``edge_index`` int64 ``[2, E]``, the edge columns that the graph has
        (``edge_attr``, ``edge_weight``, ``edge_type``, ``edge_y``), ``x``, ``y``, ``node_type``
        (static columns, or the last node event of each node before ``at``, see
        :meth:`NodeValues.write`) and ``num_nodes``. Without ``coalesce`` also ``edge_time``
        ``[E]``, unless all events have time 0, and the edge columns are views of the graph's;
        only ``edge_index`` is copied, from two columns into one.

    Raises:
        GraphError: ``reduce`` is unknown.
    """
    past = graph if at is None else graph.between(None, at)
    columns = EdgeColumns(past, column_reductions(reduce))
    if coalesce:
        data = Data(**columns.reduced(columns.group()))
    else:
        data = Data(edge_index=torch.stack([past.src, past.dst]))
        for name in _EDGE_COLUMNS:
            if (column := getattr(past, name)) is not None:
                data[name] = column
        if len(graph) and not (graph.is_static and graph.t_min == 0):
            data.edge_time = past.t
    data.num_nodes = graph.num_nodes
    NodeValues(graph).write(data, at)
    return data
