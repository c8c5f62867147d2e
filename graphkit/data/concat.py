"""Concatenation of graphs to one stream: nodes are matched by label, clocks and classes checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data.columns import EVENT_COLUMNS, NODE_COLUMNS, SIGNAL_COLUMNS, NodeEvents
from graphkit.data.concat_columns import alike, later_times, merged_classes, merged_names
from graphkit.data.concat_signal import joined_signals
from graphkit.data.labels import Labels
from graphkit.data.recordings import RecordingColumn
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from pandas import DataFrame

    from graphkit.data.temporal_graph import TemporalGraph
    from graphkit.data.time_unit import TimeUnit

__all__ = ["append", "concat"]


def concat(graphs: Iterable[TemporalGraph]) -> TemporalGraph:
    """Several graphs as one stream.

    Nodes are matched by label (within their space, if there are two); a new label gets the next id,
    so that ids of the first graph do not change. Without labels, ids are matched. Events are merged
    by time; among events of equal time, those of earlier graphs come first, and ``event_id`` is
    renumbered. Slices of one graph share its node data, and their concatenation is the graph.

    Args:
        graphs: At least one graph, all on one device. Name, time unit and zone are those of the
            first graph.

    Node columns: nodes that two graphs share must have the same ``x``, ``y`` and ``node_type``;
    rows of new nodes are appended. A later graph without node columns adds no nodes to a graph that
    has them. Signals follow one another in time over the same nodes; recordings of later graphs are
    numbered after those of earlier ones.

    Raises:
        GraphError: Labels, an event column or an id space are missing in some of the graphs;
            widths, dtypes or names of columns differ; a time unit does not convert exactly, or
            int64 and float64 times are mixed; node data differ or are missing; or the rows of a
            signal do not follow those of the preceding graph.
    """
    graphs = list(graphs)
    if not graphs:
        raise GraphError("graphs", "nothing to put together", expected="at least one graph")
    for row, graph in enumerate(graphs):
        if not hasattr(graph, "event_range"):
            raise GraphError("graphs", "not a TemporalGraph", row=row, got=type(graph).__name__)
    if len(graphs) == 1:
        return graphs[0]
    merged, *rest = _without_shared(graphs)
    for graph in rest:
        if _adds_nothing(merged, graph):
            merged = graph
        elif not _adds_nothing(graph, merged):
            merged = _pair(merged, graph)
    return merged


def append(
    graph: TemporalGraph,
    table: Any,
    *,
    nodes: DataFrame | None = None,
    time_unit: TimeUnit | str | None = None,
) -> TemporalGraph:
    """Append later events to a graph; see :meth:`TemporalGraph.append`.

    Args:
        graph: The graph.
        table: A graph, or a table whose columns have the names of the source columns of ``graph``
            (``column_names``; otherwise ``src``, ``dst``, ``t``, ``edge_attr_0``, ...). It must
        have all event columns of the graph. New labels become nodes, in order of time.
        nodes: A table with the columns of ``x``, ``y`` and ``node_type`` for the new nodes, with
            their labels as its index. It is required if the graph has such columns and there are
            new nodes.
        time_unit: Unit of numeric times, if it differs from that of the graph.

    Returns:
        A new graph; ``graph`` is not changed.

    Raises:
        GraphError: See :func:`concat` and :meth:`EventSchema.read`.
    """
    from graphkit.data.schema import EventSchema
    from graphkit.data.temporal_graph import TemporalGraph

    if isinstance(table, TemporalGraph):
        if nodes is not None:
            raise GraphError("nodes", "a graph brings its own node data", fix="Pass nodes=None.")
        return concat([graph, table])
    schema, labels = EventSchema.of(graph), Labels.of(graph)
    found = schema.read(
        table, labels=labels, admit=True, need=tuple(schema.columns), time_unit=time_unit
    )
    if not len(found):
        return graph
    device = graph.device
    added = {name: getattr(found, name) for name in ("src", "dst", "t", *EVENT_COLUMNS)}
    later = TemporalGraph(
        **{name: None if v is None else v.to(device) for name, v in added.items()},
        **_grown_nodes(graph, labels, found.new, nodes),
        num_nodes=len(labels),
        node_names=labels.names,
        node_space=None if labels.space is None else labels.space.to(device),
        time_unit=graph.time_unit,
        dates=graph.dates,
        time_zone=graph.time_zone,
        column_names={k: v for k, v in graph.column_names.items() if k != "signal"
                      and not (k in ("x", "y") and getattr(graph, k) is None)},
        class_names={k: v for k, v in graph.class_names.items() if k == "edge_y"
                     or (k == "y" and graph.y is not None)},
    )  # fmt: skip
    return _pair(graph, later)


def _grown_nodes(
    graph: TemporalGraph, labels: Labels, new: tuple[Any, ...], nodes: Any
) -> dict[str, Tensor]:
    """Node columns of a graph, with rows for new nodes."""
    from graphkit.data.node_schema import NodeSchema

    columns = {name: v for name in NODE_COLUMNS if (v := getattr(graph, name)) is not None}
    if not new or not columns:
        return columns
    if nodes is None:
        raise GraphError(
            next(iter(columns)),
            f"{len(new)} nodes are new and have no {', '.join(columns)}",
            expected="a row for each of them",
            got=f"new nodes such as {new[0]!r}",
            fix="Pass nodes=table, with labels as its index.",
        )
    if graph.node_space is not None and len(set(new)) < len(new):
        raise GraphError(
            "nodes", "a new label stands for a source and for a destination", fix="Use concat."
        )
    read = NodeSchema.of(graph).read(nodes, need=tuple(columns))
    place = {label: row for row, label in enumerate(read.labels)}
    absent = next((label for label in new if label not in place), None)
    if absent is not None:
        raise GraphError("nodes", f"there is no row for the new node {absent!r}")
    known = next((row for row, label in enumerate(read.labels) if label not in new), None)
    if known is not None:
        raise GraphError(
            "nodes",
            "a row belongs to no new node",
            row=known,
            got=repr(read.labels[known]),
            fix="Give rows for new nodes only.",
        )
    rows = torch.tensor([place[label] for label in new])
    return {
        name: torch.cat([value, read.columns[name][rows].to(value.device)])
        for name, value in columns.items()
    }


def _without_shared(graphs: list[TemporalGraph]) -> list[TemporalGraph]:
    """The graphs; node events and signal that all share as slices are kept in the first only."""
    from graphkit.data.temporal_graph import TemporalGraph

    first, *rest = graphs
    left_out: dict[str, Any] = {}
    changes, signal = first.node_event_range, first.signal_range
    source = first.columns
    if _all_share(graphs, "node_events"):
        changes = _joined_range([g.node_event_range for g in graphs], "node_events")
        left_out["node_events"] = None
    if _all_share(graphs, "signal"):
        signal = _joined_range([g.signal_range for g in graphs], "signal")
        left_out |= dict.fromkeys((*SIGNAL_COLUMNS, "recordings"))
    if not left_out:
        return graphs
    bare = [
        TemporalGraph._of(
            replace(g.columns, cache={}, **left_out),
            g.event_range,
            None if "node_events" in left_out else g.node_event_range,
            None if "signal" in left_out else g.signal_range,
        )
        for g in rest
    ]
    return [TemporalGraph._of(source, first.event_range, changes, signal), *bare]


def _adds_nothing(graph: TemporalGraph, other: TemporalGraph) -> bool:
    """Whether all rows and nodes of a slice are also in another slice."""
    mine, its = graph.columns, other.columns
    shared = all(
        getattr(mine, name) is getattr(its, name) for name in ("node_names", *NODE_COLUMNS)
    )
    rows = len(graph) or graph.signal is not None or graph.node_events is not None
    return shared and not rows and mine.num_nodes == its.num_nodes


def _all_share(graphs: list[TemporalGraph], name: str) -> bool:
    column = getattr(graphs[0].columns, name)
    return column is not None and all(getattr(g.columns, name) is column for g in graphs)


def _joined_range(ranges: list[tuple[int, int]], column: str) -> tuple[int, int]:
    """One range of rows from several that are equal or follow one another."""
    start, stop = ranges[0]
    for a, b in ranges[1:]:
        if a == stop:
            stop = b
        elif a == b or (a, b) == (start, stop):
            continue
        elif start == stop:
            start, stop = a, b
        else:
            raise GraphError(
                column,
                "the rows of two slices overlap or leave a gap",
                expected=f"rows from {stop} on",
                got=f"rows {a} to {b}",
                fix="Cut slices at common times: graph.between or graph.split.",
            )
    return start, stop


def _pair(a: TemporalGraph, b: TemporalGraph) -> TemporalGraph:
    if a.device != b.device:
        raise GraphError(
            "graphs", "the graphs are on different devices", expected=str(a.device),
            got=str(b.device), fix="Move them with g.to(device).",
        )  # fmt: skip
    labels, place = _match_nodes(a, b)
    names = merged_names(a, b)
    classes, renumber = merged_classes(a, b)
    t = later_times(a, b, "t", a.t, b.t)
    events: dict[str, Tensor | None] = {
        "src": torch.cat([a.src, place[b.src]]),
        "dst": torch.cat([a.dst, place[b.dst]]),
    }
    for name in EVENT_COLUMNS:
        events[name] = _joined_column(a, b, name, names, renumber.get(name))
    order = torch.sort(torch.cat([a.t, t]), stable=True).indices
    events = {k: None if v is None else v[order] for k, v in events.items()}
    events["t"] = torch.cat([a.t, t])[order]
    nodes = {
        name: _node_column(a, b, name, place, len(labels), names, renumber.get(name))
        for name in NODE_COLUMNS
    }
    signal, recordings = joined_signals(a, b, place, len(labels), renumber)
    space = labels.space
    return _build(a, events, _node_events(a, b, place, renumber.get("y")), signal, nodes,
                  recordings, labels.names, None if space is None else space.to(a.device),
                  len(labels), names, classes, zone=a.time_zone or b.time_zone,
                  dates=a.dates or b.dates)  # fmt: skip


def _match_nodes(a: TemporalGraph, b: TemporalGraph) -> tuple[Labels, Tensor]:
    """Labels of both graphs, and the new id of every node of the second graph."""
    for name in ("node_names", "node_space"):
        if (getattr(a, name) is None) != (getattr(b, name) is None):
            raise GraphError(
                name,
                "one graph has it and the other has not",
                fix="Nodes are matched by label if both have labels, by id if neither has.",
            )
    labels = Labels.of(a)
    if a.node_names is None:
        count = max(a.num_nodes, b.num_nodes)
        if a.node_space is None:
            return Labels(num_nodes=count), torch.arange(b.num_nodes, device=a.device)
        shared = min(a.num_nodes, b.num_nodes)
        if not torch.equal(a.node_space[:shared], b.node_space[:shared]):
            raise GraphError("node_space", "a node is a source here and a destination there")
        longer = a if a.num_nodes == count else b
        return Labels(space=longer.node_space), torch.arange(b.num_nodes, device=a.device)
    names = b.node_names
    place = np.empty(b.num_nodes, dtype=np.int64)
    space = (
        np.zeros(b.num_nodes, dtype=bool) if b.node_space is None else b.node_space.cpu().numpy()
    )
    known, sides = Labels.of(b), space.astype(int)
    for side in (0, 1):
        mine = np.flatnonzero(sides == side)
        place[mine] = labels.places([known.label(node) for node in mine], side)
    for node in np.flatnonzero(place < 0):  # in order of id, both spaces together
        place[node] = labels.add(names[node : node + 1].tolist()[0], int(sides[node]))
    return labels, torch.from_numpy(place).to(a.device)


def _joined_column(
    a: TemporalGraph,
    b: TemporalGraph,
    name: str,
    names: Mapping[str, tuple[str, ...]],
    renumber: Tensor | None,
) -> Tensor | None:
    mine, other = getattr(a, name), getattr(b, name)
    if mine is None and other is None:
        return None
    if mine is None or other is None:
        if not len(a) and mine is None:
            return other
        if not len(b) and other is None:
            return mine
        raise GraphError(
            name,
            "one graph has this column and the other has not",
            fix="Give it to both, or leave it out of both.",
        )
    return torch.cat([mine, alike(a, b, name, mine, other, names, renumber)])


def _node_column(
    a: TemporalGraph,
    b: TemporalGraph,
    name: str,
    place: Tensor,
    count: int,
    names: Mapping[str, tuple[str, ...]],
    renumber: Tensor | None,
) -> Tensor | None:
    mine, other = getattr(a, name), getattr(b, name)
    if mine is None and other is None:
        return None
    if mine is other:
        return mine
    if mine is None:
        raise GraphError(
            name, "the later graph has this column and the first has not", fix="Give it to both."
        )
    if other is None:
        if count == a.num_nodes:
            return mine
        raise GraphError(
            name,
            f"{count - a.num_nodes} nodes are new and have no {name}",
            fix=f"Give {name} to the later graph too.",
        )
    other = alike(a, b, name, mine, other, names, renumber)
    out = torch.cat([mine, mine.new_zeros(count - len(mine), *mine.shape[1:])])
    known = place < len(mine)
    differ = (out[place[known]] != other[known]).reshape(int(known.sum()), -1).any(dim=1)
    if bool(differ.any()):
        node = int(place[known][differ][0])
        raise GraphError(
            name,
            "a node has other values in the later graph",
            row=node,
            expected=mine[node].tolist(),
            got=other[known][differ][0].tolist(),
            fix="Values that change over time are node_events.",
        )
    out[place[~known]] = other[~known]
    return out


def _node_events(
    a: TemporalGraph, b: TemporalGraph, place: Tensor, renumber: Tensor | None
) -> NodeEvents | None:
    mine, other = a.node_events, b.node_events
    if other is None or not len(other):
        return mine
    y = other.y
    if y is not None and renumber is not None:
        y = renumber[y.long()].to(y.dtype)
    if mine is None or not len(mine):
        t = later_times(a, b, "node_events.t", a.t[:0].to(other.t.dtype), other.t)
        return NodeEvents(place[other.node], t, other.x, y)
    t = later_times(a, b, "node_events.t", mine.t, other.t)
    columns: dict[str, Any] = {
        "node": torch.cat([mine.node, place[other.node]]), "t": torch.cat([mine.t, t])
    }  # fmt: skip
    for name, value in (("x", other.x), ("y", y)):
        first = getattr(mine, name)
        if (first is None) != (value is None) or (
            first is not None and (first.dtype, first.shape[1:]) != (value.dtype, value.shape[1:])
        ):
            raise GraphError(f"node_events.{name}", "the columns of the two graphs differ")
        columns[name] = None if first is None else torch.cat([first, value])
    order = torch.sort(columns["t"], stable=True).indices
    return NodeEvents(**{k: None if v is None else v[order] for k, v in columns.items()})


def _build(
    like: TemporalGraph,
    events: dict[str, Tensor | None],
    node_events: NodeEvents | None,
    signal: dict[str, Tensor | None],
    nodes: dict[str, Tensor | None],
    recordings: dict[str, RecordingColumn],
    node_names: Any,
    node_space: Tensor | None,
    num_nodes: int,
    column_names: Mapping[str, Any],
    class_names: Mapping[str, Any],
    *,
    zone: str | None = None,
    dates: bool | None = None,
) -> TemporalGraph:
    from graphkit.data.temporal_graph import TemporalGraph

    return TemporalGraph(
        **events,
        **nodes,
        **signal,
        node_events=node_events,
        recordings=recordings or None,
        num_nodes=num_nodes,
        node_names=node_names,
        node_space=node_space,
        time_unit=like.time_unit,
        dates=like.dates if dates is None else dates,
        time_zone=like.time_zone if zone is None else zone,
        name=like.name,
        column_names=column_names,
        class_names=class_names,
    )
