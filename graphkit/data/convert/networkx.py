"""networkx graphs, with a time on each edge, to a graph and back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import networkx as nx
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.convert.classes import named_classes
from graphkit.data.convert.dates import read_times
from graphkit.data.convert.left_out import warn_left_out
from graphkit.data.convert.table_columns import does_not_fit, stacked
from graphkit.data.names import facts_from_json, facts_to_json
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.columns import NodeEvents
    from graphkit.data.temporal_graph import TemporalGraph
    from graphkit.data.time_unit import TimeUnit

__all__ = ["from_networkx", "to_networkx"]

F = TypeVar("F", bound=Callable[..., Any])

_EDGE = ("edge_attr", "edge_weight", "edge_type", "edge_y")
_NODE = ("x", "y", "node_type")
_META = "graphkit"  # graph attribute under which to_networkx keeps what networkx cannot hold
_ORDER = "event"  # edge attribute: position in the stream, since networkx groups edges by node


def _says_damage(function: F) -> F:
    """Decorator: what is wrong with the attribute that :func:`to_networkx` keeps is said.

    Raises:
        GraphError: The decorated function stumbles over the attribute.
    """

    @functools.wraps(function)
    def call(graph: nx.Graph, *args: Any, **kwargs: Any) -> TemporalGraph:
        meta = graph.graph.get(_META, {})
        if not isinstance(meta, dict):
            raise _damaged(f"it is a {type(meta).__name__}")
        try:
            return function(graph, *args, **kwargs)
        except GraphError:
            raise
        except (
            KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, OverflowError
        ) as error:  # fmt: skip
            if not meta:
                raise
            raise _damaged(f"{type(error).__name__}: {error}") from error

    return call  # type: ignore[return-value]


@_says_damage
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
    node_events: NodeEvents | dict[str, Any] | None = None,
    signal: Any = None,
    signal_t: Any = None,
    signal_mask: Any = None,
    signal_recording: Any = None,
    recordings: Mapping[str, Any] | None = None,
    node_space: Any = None,
    time_unit: TimeUnit | str | None = None,
    dates: bool = False,
    time_zone: Any = None,
    column_names: Mapping[str, Any] | None = None,
    class_names: Mapping[str, Any] | None = None,
    sort: bool = True,
    name: str | None = None,
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
        dates, time_zone: Whether numbers count from 1970-01-01 UTC, and the zone of dates; see
            :func:`~graphkit.data.convert.pandas.from_pandas`.
        node_events, signal, signal_t, signal_mask, signal_recording, recordings, node_space, \
            column_names, class_names, sort, name: See :class:`~graphkit.TemporalGraph`; rows of
            nodes are in the order of ``graph.nodes``.

    Text and truth values in ``edge_y`` and ``y`` become classes, whose names are kept.
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
    when = read_times(
        pd.Series(times, dtype=None if times else "int64"),
        "t",
        time_unit or facts["time_unit"] if meta else time_unit,
        time_zone or facts.get("time_zone"),
    )
    called = dict(facts.get("column_names", {}))
    if not meta and time is not None:
        called["t"] = time
    classes = dict(facts.get("class_names", {})) | dict(class_names or {})
    columns: dict[str, Any] = {}
    chosen = {"edge_attr": edge_attr, "edge_weight": edge_weight, "edge_type": edge_type,
              "edge_y": edge_y, "x": x, "y": y, "node_type": node_type}  # fmt: skip
    node_rows = [data for _, data in graph.nodes(data=True)]
    for key, keys in chosen.items():
        kind, found = ("edge", rows) if key in _EDGE else ("node", node_rows)
        value, labels = _feature(found, key, keys, meta.get(key), kind, classes.get(key))
        if value is None:
            called.pop(key, None)
            continue
        columns[key] = value
        if keys is not None:
            called[key] = keys
        if labels is not None:
            classes[key] = labels
    node_names = None
    if names != list(range(len(names))) or "names" in meta:
        node_names = _labels(names, meta.get("names", object))
    if node_space is None and "node_space" in meta:
        node_space = np.array(meta["node_space"], dtype=bool)
    return TemporalGraph(
        [place[u] for u, _, _ in edges],
        [place[v] for _, v, _ in edges],
        when.values,
        **columns,
        node_events=node_events,
        signal=signal,
        signal_t=signal_t,
        signal_mask=signal_mask,
        signal_recording=signal_recording,
        recordings=recordings,
        num_nodes=len(names) or None,
        node_names=node_names,
        node_space=node_space,
        time_unit=when.unit,
        dates=dates or when.dates or facts["dates"],
        time_zone=when.zone,
        column_names=called | dict(column_names or {}),
        class_names=classes,
        sort=sort,
        name=facts.get("name") if name is None else name,
    )


def _damaged(problem: str) -> GraphError:
    return GraphError(
        _META,
        f"the attribute of this name of the networkx graph is damaged ({problem})",
        fix=f"Write the graph again, or delete graph.graph[{_META!r}] and name the attributes.",
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
    meta: dict[str, Any] = facts_to_json(graph)
    if graph.node_space is not None:
        meta["node_space"] = graph.node_space.int().tolist()
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
    known: Sequence[Any] | None,
) -> tuple[Tensor | np.ndarray | None, tuple[Any, ...] | None]:
    """A column by its attributes, and the names of its classes if it holds names."""
    if chosen is None:
        if saved is None:
            return None, None
        value, dtype = [row[name] for row in rows], getattr(torch, saved["dtype"])
        found = torch.tensor(value, dtype=dtype)
        for row, (kept, told) in enumerate(zip(found.tolist(), value)):
            if kept != told and not (dtype.is_floating_point and not isinstance(told, int)):
                raise does_not_fit(name, row, dtype, told)
        return found.reshape(len(rows), *saved["shape"]), None
    if isinstance(chosen, str):
        found = _gather(rows, chosen, kind, "Give every one a value.")
        named = any(isinstance(value, (str, bool, np.bool_)) for value in found)
        if name in ("edge_y", "y") and (named or known is not None):
            column = pd.Series(found, dtype=object)
            if (classes := named_classes(column, chosen, known)) is not None:
                return classes
        value = np.asarray(found)
    else:
        parts = [_gather(rows, key, kind, "Give every one a value.") for key in chosen]
        arrays = [np.asarray(part) for part in parts]
        if all(array.dtype.kind in "biuf" for array in arrays):
            value = stacked(arrays, list(chosen), torch.float32)
        else:
            value = np.stack(arrays, axis=1)
    return value.astype(np.float32) if value.dtype == np.float64 else value, None


def _labels(names: list[Any], dtype: Any) -> np.ndarray:
    """Labels in the type that they had, or as objects if they were changed since."""
    labels = np.empty(len(names), dtype=object)
    labels[:] = names
    try:
        typed = labels.astype(dtype)
    except (ValueError, OverflowError):
        return labels
    same = [type(a) is type(b) and a == b for a, b in zip(typed.tolist(), names)]
    return typed if all(same) else labels


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
