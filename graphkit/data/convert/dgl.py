"""DGL graphs to a graph and back (extra ``dgl``)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from graphkit.data.convert.left_out import warn_left_out
from graphkit.errors import GraphError, require

if TYPE_CHECKING:
    from graphkit.data.columns import NodeEvents
    from graphkit.data.temporal_graph import TemporalGraph
    from graphkit.data.time_unit import TimeUnit

__all__ = ["from_dgl", "to_dgl"]

_EDGE = ("edge_attr", "edge_weight", "edge_type", "edge_y")
_NODE = ("x", "y", "node_type")


def from_dgl(
    graph: Any,
    *,
    time: str = "t",
    names: dict[str, str] | None = None,
    edge_attr: Any = None,
    edge_y: Any = None,
    edge_weight: Any = None,
    edge_type: Any = None,
    x: Any = None,
    y: Any = None,
    node_type: Any = None,
    node_events: NodeEvents | dict[str, Any] | None = None,
    signal: Any = None,
    signal_t: Any = None,
    signal_mask: Any = None,
    signal_recording: Any = None,
    recordings: Mapping[str, Any] | None = None,
    num_nodes: int | None = None,
    node_names: Any = None,
    node_space: Any = None,
    time_unit: TimeUnit | str | None = None,
    dates: bool = False,
    time_zone: Any = None,
    sort: bool = True,
    name: str | None = None,
    column_names: Mapping[str, Any] | None = None,
    class_names: Mapping[str, Any] | None = None,
) -> TemporalGraph:
    """Build a graph from a homogeneous ``DGLGraph``.

    Args:
        graph: The graph; edges are taken in order of their ids.
        time: Key of ``edata`` with the time of each edge; without it the graph is static.
        names: Which key of ``edata`` or ``ndata`` holds which column, such as
            ``{"edge_attr": "feat", "x": "feat"}``; by default each column has its own name.
        edge_attr, edge_y, edge_weight, edge_type, x, y, node_type, node_events, signal, signal_t, \
            signal_mask, signal_recording, recordings, num_nodes, node_names, node_space, \
            time_unit, dates, time_zone, sort, name, column_names, class_names: Columns and facts
            that DGL has no place for, or instead of what is found there; see
            :class:`~graphkit.TemporalGraph`.

    Raises:
        MissingPackageError: DGL is not installed or cannot be loaded.
        GraphError: The graph has several edge types, a key is missing, or it is invalid.
    """
    columns = {
        key: value
        for key, value in locals().items()
        if key not in ("graph", "time", "names") and value is not None
    }
    from graphkit.data.temporal_graph import TemporalGraph

    dgl = _dgl()
    if not isinstance(graph, dgl.DGLGraph) or not graph.is_homogeneous:
        raise GraphError(
            "graph",
            "not a homogeneous DGL graph",
            got=type(graph).__name__,
            fix="Convert it first with dgl.to_homogeneous.",
        )
    names = names or {}
    src, dst = graph.edges(order="eid")
    known: dict[str, Any] = {}
    for keys, frame in ((_EDGE, graph.edata), (_NODE, graph.ndata)):
        for column in keys:
            key = names.get(column, column)
            if key in frame:
                known[column] = frame[key]
            elif column in names:
                raise GraphError(
                    column,
                    f"there is no key {key!r}",
                    expected=f"one of {', '.join(map(repr, frame)) or 'none'}",
                )
    t = graph.edata[time] if time in graph.edata else torch.zeros_like(src, dtype=torch.int64)
    return TemporalGraph(src, dst, t, **({"num_nodes": graph.num_nodes()} | known | columns))


def to_dgl(graph: TemporalGraph) -> Any:
    """A graph as a ``DGLGraph`` with ``edata["t"]``, edge columns in ``edata``, node ones in
    ``ndata``. Edge ids are positions in time order. Node events and signals are left out with a
    warning.

    Raises:
        MissingPackageError: DGL is not installed or cannot be loaded.
    """
    dgl = _dgl()
    warn_left_out(graph, ("node_events", "signal"), "DGL")
    out = dgl.graph((graph.src, graph.dst), num_nodes=graph.num_nodes)
    out.edata["t"] = graph.t
    for keys, frame in ((_EDGE, out.edata), (_NODE, out.ndata)):
        for column in keys:
            if (value := getattr(graph, column)) is not None:
                frame[column] = value
    return out


def _dgl() -> ModuleType:
    # Otherwise DGL says that it chose a back end, and writes the choice into the home directory.
    os.environ.setdefault("DGLBACKEND", "pytorch")
    return require("dgl", extra="dgl")
