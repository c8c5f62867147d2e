"""PyG's ``TemporalData``, ``Data`` and lists of ``Data`` (snapshots) to a graph and back."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, TemporalData

from graphkit.data.columns import NodeEvents
from graphkit.data.convert.left_out import warn_left_out
from graphkit.data.static import static
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph
    from graphkit.data.time_unit import TimeUnit

__all__ = ["from_pyg", "to_pyg"]

_EDGE = ("edge_attr", "edge_weight", "edge_type", "edge_y")
_EVENT_KEYS = {"msg": "edge_attr", "y": "edge_y", "edge_weight": "edge_weight",
               "edge_type": "edge_type"}  # fmt: skip


def from_pyg(
    data: TemporalData | Data | Sequence[Data],
    *,
    time: str = "edge_time",
    times: Any = None,
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
    """Build a graph from PyG.

    Args:
        data: A ``TemporalData`` (``msg`` becomes ``edge_attr``, ``y`` becomes ``edge_y``); a
            ``Data``, static unless it has the attribute ``time``; or a sequence of ``Data``, one
            per step, with any number of edges each. Node features that differ between steps become
            node events, those that do not become static; labels likewise.
        time: Attribute of a ``Data`` with the time of each edge, ``[E]``.
        times: Times of the steps of a sequence, increasing; by default ``0, 1, ...`` in steps.
        edge_attr, edge_y, edge_weight, edge_type, x, y, node_type, node_events, signal, signal_t, \
            signal_mask, signal_recording, recordings, num_nodes, node_names, node_space, \
            time_unit, dates, time_zone, sort, name, column_names, class_names: Columns and facts
            that PyG has no place for, or instead of what is found there; see
            :class:`~graphkit.TemporalGraph`.

    Attributes that have no place in a graph (masks, names) are left out with a warning.

    Raises:
        GraphError: An object of another kind; steps that do not fit together; or an invalid graph.
    """
    columns = {
        key: value
        for key, value in locals().items()
        if key not in ("data", "time", "times") and value is not None
    }
    from graphkit.data.temporal_graph import TemporalGraph

    if isinstance(data, TemporalData):
        found = data.to_dict()
        ends = {name: found.pop(name, None) for name in ("src", "dst", "t")}
        known = {ours: found.pop(theirs, None) for theirs, ours in _EVENT_KEYS.items()}
        _warn_unknown(found)
        return TemporalGraph(**ends, **(known | columns))
    if isinstance(data, Data):
        return _from_data(data, time, columns)
    if isinstance(data, (Sequence, np.ndarray)) and all(isinstance(d, Data) for d in data):
        return _from_steps(list(data), times, columns)
    raise GraphError(
        "data",
        "not understood",
        expected="a TemporalData, a Data or a sequence of Data",
        got=type(data).__name__,
    )


def to_pyg(graph: TemporalGraph, kind: str = "temporal", times: Any = None) -> Any:
    """A graph as a PyG object.

    Args:
        graph: Any graph.
        kind: ``"temporal"``: ``TemporalData`` with ``src``, ``dst``, ``t``, ``msg``, ``y`` (of
            events) and ``edge_weight``, ``edge_type``; columns are shared, node data and signals
            are left out with a warning. ``"static"``: the ``Data`` of
            :func:`~graphkit.data.static.static`. ``"snapshots"``: a list of ``Data``, one per
            time, with the edges of exactly that time in their order, none merged, and the node
            events of that time as ``x`` and ``y``: what ``from_pyg`` reads back. To cut time into
            intervals use ``g.snapshots``.
        times: The times of the snapshots. By default every time at which something happens; on a
            clock of steps, ``0, 1, ...`` up to the last one.

    Raises:
        GraphError: There is no such kind.
    """
    if kind == "temporal":
        warn_left_out(graph, ("x", "y", "node_type", "node_events", "signal"), "TemporalData")
        columns = {theirs: getattr(graph, ours) for theirs, ours in _EVENT_KEYS.items()}
        columns = {name: value for name, value in columns.items() if value is not None}
        return TemporalData(src=graph.src, dst=graph.dst, t=graph.t, **columns)
    if kind == "static":
        warn_left_out(graph, ("signal",), "Data")
        return static(graph)
    if kind == "snapshots":
        warn_left_out(graph, ("signal",), "Data")
        return _to_steps(graph, times)
    raise GraphError(
        "kind", "unknown", expected="'temporal', 'static' or 'snapshots'", got=repr(kind)
    )


def _from_data(data: Data, time: str, columns: dict[str, Any]) -> TemporalGraph:
    from graphkit.data.temporal_graph import TemporalGraph

    found = data.to_dict()
    edge_index = found.pop("edge_index", None)
    _check_edges(edge_index, "edge_index")
    known = {name: found.pop(name, None) for name in (*_EDGE, "x", "y", "node_type")}
    known["num_nodes"] = found.pop("num_nodes", None)
    if known["y"] is not None and known["y"].numel() == 1 and _num_nodes(data) > 1:
        found["y (one per graph, not per node)"] = known.pop("y")
    t = found.pop(time, None)
    if t is None:
        t = torch.zeros(edge_index.size(1), dtype=torch.int64, device=edge_index.device)
    _warn_unknown(found)
    return TemporalGraph(*edge_index, t, **(known | columns))


def _from_steps(steps: list[Data], times: Any, columns: dict[str, Any]) -> TemporalGraph:
    from graphkit.data.temporal_graph import TemporalGraph

    if not steps:
        raise GraphError("data", "the sequence of snapshots is empty")
    for i, step in enumerate(steps):
        _check_edges(step.edge_index, "edge_index", i)
    device = steps[0].edge_index.device
    if times is None:
        times = torch.arange(len(steps))
        columns.setdefault("time_unit", "step")
    times = torch.as_tensor(times, device=device)
    if times.shape != (len(steps),) or bool((times[1:] <= times[:-1]).any()):
        raise GraphError(
            "times",
            "not one increasing time per snapshot",
            expected=f"{len(steps)} times",
            got=f"shape {list(times.shape)}",
        )
    counts = torch.tensor([step.edge_index.size(1) for step in steps], device=device)
    known: dict[str, Any] = {}
    for name in _EDGE:
        parts = [step.get(name) for step in steps]
        if any(part is not None for part in parts):
            known[name] = torch.cat(_alike(parts, name, counts))
    num_nodes = max(_num_nodes(step) for step in steps)
    changes: dict[str, Any] = {}
    for name in ("x", "y"):
        parts = [step.get(name) for step in steps]
        if all(part is None for part in parts):
            continue
        per_step = torch.tensor([_num_nodes(step) for step in steps], device=device)
        parts = _alike(parts, name, per_step)
        if all(part is parts[0] or torch.equal(part, parts[0]) for part in parts):
            known[name] = parts[0]
        else:
            changes[name] = torch.cat(parts)
            changes["node"] = torch.cat([torch.arange(len(p), device=device) for p in parts])
            changes["t"] = times.repeat_interleave(per_step)
    node_type = steps[0].get("node_type")
    if node_type is not None:
        known["node_type"] = node_type
    unknown = {key for step in steps for key in step.to_dict()}
    read = {*_EDGE, "edge_index", "x", "y", "node_type", "num_nodes", "t"}
    _warn_unknown(unknown - read)
    if changes:
        known["node_events"] = NodeEvents(**changes)
    edges = torch.cat([step.edge_index for step in steps], dim=1)
    t = times.repeat_interleave(counts)
    return TemporalGraph(*edges, t, **({"num_nodes": num_nodes} | known | columns))


def _to_steps(graph: TemporalGraph, times: Any) -> list[Data]:
    changes = graph.node_events
    if times is None:
        found = [graph.t] if changes is None else [graph.t, changes.t]
        times = torch.cat(found).unique()
        if graph.time_unit.name == "step" and times.numel() and int(times[0]) >= 0:
            times = torch.arange(int(times[-1]) + 1)
    times = torch.as_tensor(times).to(graph.t)
    start = torch.searchsorted(graph.t, times).tolist()
    stop = torch.searchsorted(graph.t, times, right=True).tolist()
    edge_index = torch.stack([graph.src, graph.dst])
    steps = []
    for i, (a, b) in enumerate(zip(start, stop)):
        step = Data(edge_index=edge_index[:, a:b], num_nodes=graph.num_nodes)
        for name in _EDGE:
            if (column := getattr(graph, name)) is not None:
                step[name] = column[a:b]
        for name in ("x", "y", "node_type"):
            if (column := getattr(graph, name)) is not None:
                step[name] = column
        if changes is not None:
            now = slice(*_span(changes.t, times[i]))
            for name in ("x", "y"):
                if (column := getattr(changes, name)) is not None:
                    step[name] = _by_node(column[now], changes.node[now], graph.num_nodes)
        steps.append(step)
    return steps


def _span(t: Tensor, now: Tensor) -> tuple[int, int]:
    return int(torch.searchsorted(t, now)), int(torch.searchsorted(t, now, right=True))


def _by_node(values: Tensor, node: Tensor, num_nodes: int) -> Tensor:
    """Rows in order of node: zeros where a node has none."""
    if torch.equal(node, torch.arange(num_nodes, device=node.device)):
        return values
    out = values.new_zeros(num_nodes, *values.shape[1:])
    out[node] = values
    return out


def _alike(parts: list[Tensor | None], name: str, counts: Tensor) -> list[Tensor]:
    """The parts, if every step has one of the right number of rows and the same shape."""
    for i, (part, count) in enumerate(zip(parts, counts.tolist())):
        first = next(p for p in parts if p is not None)
        if part is None or part.size(0) != count or part.shape[1:] != first.shape[1:]:
            raise GraphError(
                name,
                f"snapshot {i} does not fit the others",
                row=i,
                expected=f"shape {[count, *first.shape[1:]]}",
                got="none" if part is None else f"shape {list(part.shape)}",
                fix="Give every snapshot the same attributes.",
            )
    return parts


def _num_nodes(data: Data) -> int:
    """What is stated, or told by the features, or by the edges; PyG's own guess would warn."""
    stated = data.to_dict().get("num_nodes")
    if stated is not None:
        return stated
    sizes = [len(data[name]) for name in ("x", "node_type") if data.get(name) is not None]
    return sizes[0] if sizes else int(data.edge_index.max()) + 1 if data.edge_index.numel() else 0


def _check_edges(edge_index: Any, column: str, row: int | None = None) -> None:
    if not isinstance(edge_index, Tensor) or edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise GraphError(
            column,
            "not a list of edges",
            row=row,
            expected="shape [2, E]",
            got=f"shape {list(edge_index.shape)}" if isinstance(edge_index, Tensor) else "none",
        )


def _warn_unknown(names: Any) -> None:
    names = sorted(names)
    if names:
        warnings.warn(
            f"A TemporalGraph has no place for {', '.join(names)}; left out.",
            UserWarning,
            stacklevel=4,
        )
