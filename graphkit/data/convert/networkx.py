"""networkx graphs, with a time on each edge, to a graph and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.convert.dates import read_times
from graphkit.data.convert.left_out import warn_left_out
from graphkit.data.names import facts_from_json
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["from_networkx", "to_networkx"]

_EDGE = ("edge_attr", "edge_weight", "edge_type", "edge_y")
_NODE = ("x", "y", "node_type")
_META = "graphkit"  # graph attribute under which to_networkx keeps what networkx cannot hold
_ORDER = "event"  # edge attribute: position in the stream, since networkx groups edges by node


def from_networkx(
    graph: nx.Graph,
    time: str | None = "t",
    *,
    edge_attr: str | Sequence[str] | None = None,
    edge_weight: str | None = None,
    edge_type: str | None = None,
    edge_y: str | None = None,
    x: str | Sequence[str] | None = None,
    y: str | None = None,
    node_type: str | None = None,
    both_directions: bool = True,
    time_unit: Any = None,
    **columns: Any,
) -> TemporalGraph:
    """Build a graph from networkx.

    Nodes are numbered in the graph's own order. If they are not ``0, 1, ...`` their names are kept
    in ``node_names``. Events of one time keep the order of ``graph.edges``.

    Args:
        graph: A ``Graph``, ``DiGraph``, ``MultiGraph`` or ``MultiDiGraph``.
        time: Edge attribute with the time: a number, or a date. ``None`` for a static graph.
        edge_attr: Edge attribute, or several, with the features.
        edge_weight, edge_type, edge_y: Edge attributes with weight, type and label.
        x: Node attribute, or several, with the features.
        y, node_type: Node attributes with label and type.
        both_directions: An edge of an undirected graph becomes two events, one each way (a self
            loop becomes one); otherwise one.
        time_unit: What one tick is; see :func:`~graphkit.data.convert.pandas.from_pandas`.
        columns: Further columns of :class:`~graphkit.TemporalGraph`.

    A graph that :func:`to_networkx` wrote is read back exactly without naming attributes.

    Raises:
        GraphError: An edge or a node lacks an attribute, or the graph is invalid.
    """
    from graphkit.data.temporal_graph import TemporalGraph

    meta = graph.graph.get(_META, {})
    edges = list(graph.edges(data=True))
    if both_directions and not graph.is_directed():
        back = [[(u, v, row), (v, u, row)] if u != v else [(u, v, row)] for u, v, row in edges]
        edges = [edge for pair in back for edge in pair]
    rows = [row for _, _, row in edges]
    if rows and all(_ORDER in row for row in rows):
        order = sorted(range(len(rows)), key=lambda i: rows[i][_ORDER])
        edges, rows = [edges[i] for i in order], [rows[i] for i in order]
    names = list(graph.nodes)
    place = {name: i for i, name in enumerate(names)}
    times = [0] * len(rows)
    if time is not None:
        times = _gather(rows, time, "edge", "Pass time=None for a static graph.")
    facts = facts_from_json(meta)
    when = read_times(pd.Series(times), "t", time_unit or facts.pop("time_unit", None),
                      columns.pop("time_zone", facts.pop("time_zone", None)))  # fmt: skip
    columns.setdefault("dates", when.dates or facts.pop("dates"))
    given = {"edge_attr": edge_attr, "edge_weight": edge_weight, "edge_type": edge_type,
             "edge_y": edge_y}  # fmt: skip
    for name, chosen in given.items():
        if (value := _feature(rows, name, chosen, meta.get(name), "edge")) is not None:
            columns[name] = value
    node_rows = [data for _, data in graph.nodes(data=True)]
    for name, chosen in {"x": x, "y": y, "node_type": node_type}.items():
        if (value := _feature(node_rows, name, chosen, meta.get(name), "node")) is not None:
            columns[name] = value
    if names != list(range(len(names))):
        labels = np.empty(len(names), dtype=object)
        labels[:] = names
        columns["node_names"] = labels.astype(meta.get("names", object))
    if "name" in meta:
        columns.setdefault("name", meta["name"])
    return TemporalGraph(
        [place[u] for u, _, _ in edges],
        [place[v] for _, v, _ in edges],
        t,
        num_nodes=len(names) or None,
        time_unit=unit,
        **columns,
    )


def to_networkx(graph: TemporalGraph, *, labels: bool = True) -> nx.MultiDiGraph:
    """A graph as a ``MultiDiGraph``.

    Edges have the attributes ``t``, ``event`` (position in time order) and ``edge_attr`` (list),
    ``edge_weight``, ``edge_type``, ``edge_y``; nodes ``x``, ``y``, ``node_type``, as far as the
    graph has them. Node events and signals are left out with a warning.

    Args:
        graph: Any graph.
        labels: Name nodes by ``node_names``, if the graph has them, and not by id.
    """
    warn_left_out(graph, ("node_events", "signal"), "networkx")
    names = list(range(graph.num_nodes))
    meta: dict[str, Any] = {"time_unit": str(graph.time_unit)}
    if graph.name is not None:
        meta["name"] = graph.name
    if labels and graph.node_names is not None:
        names = graph.node_names.tolist()
        meta["names"] = graph.node_names.dtype.str
    out = nx.MultiDiGraph()
    node_rows = _attributes(graph, _NODE, meta, graph.num_nodes)
    out.add_nodes_from(zip(names, node_rows))
    if out.number_of_nodes() != graph.num_nodes:
        raise GraphError(
            "node_names", "a name occurs twice", fix="Pass labels=False to name nodes by id."
        )
    rows = _attributes(graph, _EDGE, meta, len(graph))
    ends = zip(graph.src.tolist(), graph.dst.tolist(), graph.t.tolist(), rows)
    for event, (u, v, t, row) in enumerate(ends):
        out.add_edge(names[u], names[v], t=t, **{_ORDER: event}, **row)
    out.graph[_META] = meta
    return out


def _attributes(
    graph: TemporalGraph, names: Sequence[str], meta: dict[str, Any], num_rows: int
) -> list[dict[str, Any]]:
    """One dict per row; the types go to ``meta``."""
    found = {name: v for name in names if (v := getattr(graph, name)) is not None}
    for name, value in found.items():
        meta[name] = {"dtype": str(value.dtype).removeprefix("torch."), "shape": value.shape[1:]}
    lists = [value.tolist() for value in found.values()]
    if not lists:
        return [{} for _ in range(num_rows)]
    return [dict(zip(found, row)) for row in zip(*lists)]


def _feature(
    rows: list[dict[str, Any]],
    name: str,
    chosen: str | Sequence[str] | None,
    saved: dict[str, Any] | None,
    kind: str,
) -> Tensor | np.ndarray | None:
    if chosen is None:
        if saved is None:
            return None
        value = [row[name] for row in rows]
        dtype = getattr(torch, saved["dtype"])
        return torch.tensor(value, dtype=dtype).reshape(len(rows), *saved["shape"])
    if isinstance(chosen, str):
        value = np.asarray(_gather(rows, chosen, kind, "Give every one a value."))
    else:
        parts = [_gather(rows, key, kind, "Give every one a value.") for key in chosen]
        value = np.stack([np.asarray(part) for part in parts], axis=1)
    return value.astype(np.float32) if value.dtype == np.float64 else value


def _gather(rows: list[dict[str, Any]], key: str, kind: str, fix: str) -> list[Any]:
    try:
        return [row[key] for row in rows]
    except KeyError:
        row = next(i for i, row in enumerate(rows) if key not in row)
        known = sorted({str(k) for r in rows for k in r})
        raise GraphError(
            key,
            f"this attribute is missing on a {kind}",
            row=row,
            expected=f"one of {', '.join(known)}" if known else f"a {kind} attribute",
            fix=fix,
        ) from None
