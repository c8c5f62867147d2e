"""The columns behind a :class:`~graphkit.TemporalGraph`: checked once, sorted once, then shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.checks import check_count
from graphkit.data.inputs import (
    as_features,
    as_ids,
    as_labels,
    as_tensor,
    as_times,
    as_types,
    check_finite,
    check_ids,
    check_length,
    first_row,
)
from graphkit.data.names import as_class_names, as_column_names, as_time_zone, check_dates
from graphkit.data.node_space import as_node_space
from graphkit.data.recordings import RecordingColumn, as_recordings, as_signal_recording
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

__all__ = ["Columns", "NodeEvents", "Tables", "build_columns"]

EVENT_COLUMNS = ("edge_attr", "edge_y", "edge_weight", "edge_type")
NODE_COLUMNS = ("x", "y", "node_type")
SIGNAL_COLUMNS = ("signal", "signal_t", "signal_mask", "signal_recording")


@dataclass(frozen=True, eq=False)
class NodeEvents:
    """Features or labels of nodes that change over time, sorted by time.

    Attributes:
        node: Node of each node event, int64 ``[M]``.
        t: Time of each node event, int64 or float64 ``[M]``.
        x: Features from this time on, ``[M, ...]``, or ``None``.
        y: Labels at this time, ``[M, ...]``, or ``None``.
    """

    node: Tensor
    t: Tensor
    x: Tensor | None = None
    y: Tensor | None = None

    def __len__(self) -> int:
        return self.node.numel()

    def __getitem__(self, rows: slice) -> NodeEvents:
        return NodeEvents(
            **{
                f.name: None if (v := getattr(self, f.name)) is None else v[rows]
                for f in fields(self)
            }
        )


@dataclass(frozen=True, eq=False)
class Columns:
    """All columns of one graph over its whole time, and the cached values derived from them."""

    src: Tensor
    dst: Tensor
    t: Tensor
    event_id: Tensor
    num_nodes: int
    time_unit: TimeUnit
    edge_attr: Tensor | None = None
    edge_y: Tensor | None = None
    edge_weight: Tensor | None = None
    edge_type: Tensor | None = None
    x: Tensor | None = None
    y: Tensor | None = None
    node_type: Tensor | None = None
    node_events: NodeEvents | None = None
    signal: Tensor | None = None
    signal_t: Tensor | None = None
    signal_mask: Tensor | None = None
    signal_recording: Tensor | None = None
    recordings: dict[str, RecordingColumn] | None = None
    node_names: np.ndarray | None = None
    node_space: Tensor | None = None
    name: str | None = None
    column_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    class_names: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    dates: bool = False
    time_zone: str | None = None
    tables: Tables | None = None
    cache: dict[str, Any] = field(default_factory=dict, repr=False)

    def map_tensors(self, function: Any) -> Columns:
        """The same columns with a function applied to every tensor (a move to a device)."""

        def apply(value: Any) -> Any:
            if isinstance(value, Tensor):
                return function(value)
            if isinstance(value, (NodeEvents, Tables)):
                parts = {f.name: apply(getattr(value, f.name)) for f in fields(value)}
                return type(value)(**parts)
            if isinstance(value, dict):
                return {name: apply(column) for name, column in value.items()}
            return value

        moved = {f.name: apply(getattr(self, f.name)) for f in fields(self) if f.name != "cache"}
        if self.tables is not None:  # keep one storage where there was one
            for name in EVENT_COLUMNS:
                if getattr(self.tables, name) is getattr(self, name):
                    moved["tables"] = replace(moved["tables"], **{name: moved[name]})
        return Columns(**moved)

    def take_events(self, rows: Tensor) -> Columns:
        """Columns with a subset of the events, in order; node columns and tables are shared."""
        chosen: dict[str, Any] = {
            name: None if (v := getattr(self, name)) is None else v[rows] for name in EVENT_COLUMNS
        }
        return replace(
            self,
            src=self.src[rows],
            dst=self.dst[rows],
            t=self.t[rows],
            event_id=self.event_id[rows],
            cache={},
            **chosen,
        )


@dataclass(frozen=True, eq=False)
class Tables:
    """Event columns over every event that the graph was built from, indexed by ``event_id``.

    Slices and filtered graphs share them, so that a model that stores event ids can look up
    features here.
    """

    edge_attr: Tensor | None = None
    edge_y: Tensor | None = None
    edge_weight: Tensor | None = None
    edge_type: Tensor | None = None


def build_columns(
    src: Any,
    dst: Any,
    t: Any,
    *,
    node_events: Any = None,
    num_nodes: int | None = None,
    node_names: Any = None,
    node_space: Any = None,
    time_unit: TimeUnit | str = "s",
    dates: bool = False,
    time_zone: Any = None,
    sort: bool = True,
    name: str | None = None,
    column_names: Mapping[str, Any] | None = None,
    class_names: Mapping[str, Any] | None = None,
    **optional: Any,
) -> Columns:
    """Check every column, sort the events by time (ties keep their order) and freeze the result.

    Raises:
        GraphError: See :class:`~graphkit.TemporalGraph`.
    """
    unit = time_unit if isinstance(time_unit, TimeUnit) else TimeUnit(time_unit)
    # Ids and times are not shared: writing to the array that was passed must not break their order.
    src, dst = as_ids(src, "src", own=True), as_ids(dst, "dst", own=True)
    t = as_times(t, "t", own=True)
    num_events = src.numel()
    check_length("dst", dst.numel(), num_events, "src")
    check_length("t", t.numel(), num_events, "src")
    events: dict[str, Tensor | None] = {}
    for column in EVENT_COLUMNS:
        check = as_types if column == "edge_type" else as_features
        events[column] = check(optional.pop(column, None), column, num_events, "src")
    weight = events["edge_weight"]
    if weight is not None and weight.dim() != 1:
        raise GraphError(
            "edge_weight",
            "weights form one column",
            expected=f"shape [{num_events}]",
            got=f"shape {list(weight.shape)}",
            fix="Pass several values per event as edge_attr.",
        )

    nodes = {column: optional.pop(column, None) for column in NODE_COLUMNS}
    if any(hasattr(v, "iloc") for v in (*nodes.values(), optional.get("signal"))):  # pandas
        from graphkit.data.convert.node_tables import match_tables

        clock = {"time_unit": unit, "dates": dates, "time_zone": time_zone}
        found = match_tables(nodes, optional, node_names, num_events, clock, class_names)
        nodes, node_names, clock, class_names, named = found
        dates, time_zone = clock["dates"], clock["time_zone"]
        column_names = named | dict(column_names or {})
    nodes = {k: None if v is None else as_tensor(v, k) for k, v in nodes.items()}
    signal = {column: optional.pop(column, None) for column in SIGNAL_COLUMNS}
    recordings = optional.pop("recordings", None)
    if optional:
        raise TypeError(f"a TemporalGraph has no column named {', '.join(map(repr, optional))}")
    changes = _as_node_events(node_events)
    signal = _as_signal(**signal)
    recordings = as_recordings(recordings, signal["signal_recording"])
    if num_events == 0 and changes is None and signal["signal"] is None:
        raise GraphError(
            "src", "the graph is empty", expected="at least one event, node event or signal"
        )

    if node_names is not None and not hasattr(node_names, "__len__"):
        node_names = list(node_names)
    num_nodes, mend = _count_nodes(
        num_nodes, src, dst, changes, nodes, signal, node_names, node_space
    )
    for column, value in nodes.items():
        check = as_types if column == "node_type" else as_features
        nodes[column] = check(value, column, num_nodes, "num_nodes")
    check_ids(src, "src", num_nodes, mend)
    check_ids(dst, "dst", num_nodes, mend)
    if changes is not None:
        check_ids(changes.node, "node_events.node", num_nodes, mend)
        changes = _sort_node_events(changes, sort)
    node_space = as_node_space(node_space, num_nodes, src, dst)
    if node_names is not None:
        node_names = as_labels(node_names, "node_names", num_nodes, node_space)
    named = {**events, **nodes, **signal}
    if changes is not None:
        named |= {k: getattr(changes, k) for k in ("x", "y") if nodes[k] is None}
    column_names = as_column_names(column_names, named)
    label_columns = {f"recordings.{key}": column for key, column in (recordings or {}).items()}
    y = tuple(v for v in (nodes["y"], None if changes is None else changes.y) if v is not None)
    class_names = as_class_names(
        class_names, label_columns | {"edge_y": events["edge_y"], "y": y or None}
    )
    time_zone = as_time_zone(time_zone)
    clocks = [t, signal["signal_t"], None if changes is None else changes.t]
    dates = check_dates(dates or time_zone is not None, unit, clocks)

    changed = None if changes is None else changes.node
    homes = {"node_events": changed, "node_space": node_space} | events | nodes | signal
    _check_one_device(src=src, dst=dst, t=t, **homes)
    descents = t[1:] < t[:-1]
    if bool(descents.any()):
        if not sort:
            row = first_row(descents) + 1
            raise GraphError(
                "t",
                "times are not sorted",
                row=row,
                expected=f"at least {t[row - 1].item()}",
                got=t[row].item(),
                fix="Pass sort=True, or sort the rows by time first.",
            )
        order = torch.sort(t, stable=True).indices
        src, dst, t = src[order], dst[order], t[order]
        events = {k: None if v is None else v[order] for k, v in events.items()}
    return Columns(
        src=src,
        dst=dst,
        t=t,
        event_id=torch.arange(num_events, device=src.device),
        num_nodes=num_nodes,
        time_unit=unit,
        node_events=changes,
        node_names=node_names,
        node_space=node_space,
        name=name,
        column_names=column_names,
        class_names=class_names,
        dates=dates,
        time_zone=time_zone,
        recordings=recordings,
        tables=Tables(**events),
        **events,
        **nodes,
        **signal,
    )


def _as_node_events(value: Any) -> NodeEvents | None:
    if value is None:
        return None
    if isinstance(value, dict):
        unknown = set(value) - {"node", "t", "x", "y"}
        if unknown or not {"node", "t"} <= set(value):
            raise GraphError(
                "node_events",
                "wrong keys",
                expected="node, t and optionally x, y",
                got=sorted(map(str, value)),
            )
    elif isinstance(value, NodeEvents):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    else:
        raise GraphError(
            "node_events",
            "not understood",
            expected="NodeEvents or a dict of node, t, x, y",
            got=type(value).__name__,
        )
    node = as_ids(value["node"], "node_events.node", own=True)
    t = as_times(value["t"], "node_events.t", own=True)
    check_length("node_events.t", t.numel(), node.numel(), "node_events.node")
    rest = {
        k: as_features(value.get(k), f"node_events.{k}", node.numel(), "node_events.node")
        for k in ("x", "y")
    }
    return NodeEvents(node, t, **rest)


def _sort_node_events(value: NodeEvents, sort: bool) -> NodeEvents:
    descents = value.t[1:] < value.t[:-1]
    if not bool(descents.any()):
        return value
    if not sort:
        raise GraphError(
            "node_events.t",
            "times are not sorted",
            row=first_row(descents) + 1,
            fix="Pass sort=True.",
        )
    order = torch.sort(value.t, stable=True).indices
    return NodeEvents(
        **{
            f.name: None if (v := getattr(value, f.name)) is None else v[order]
            for f in fields(value)
        }
    )


def _as_signal(
    signal: Any, signal_t: Any, signal_mask: Any, signal_recording: Any
) -> dict[str, Tensor | None]:
    if signal is None:
        rest = {
            "signal_t": signal_t,
            "signal_mask": signal_mask,
            "signal_recording": signal_recording,
        }
        given = [name for name, value in rest.items() if value is not None]
        if given:
            raise GraphError("signal", f"{given[0]} is given without a signal")
        return dict.fromkeys(SIGNAL_COLUMNS)
    signal = as_tensor(signal, "signal")
    if signal.dim() == 2:
        signal = signal.unsqueeze(-1)
    if signal.dim() != 3:
        raise GraphError(
            "signal",
            "a signal has three axes",
            expected="[T, N, C] (time, node, channel)",
            got=list(signal.shape),
        )
    steps = signal.shape[0]
    if signal_t is None:
        signal_t = torch.arange(steps, device=signal.device)
    signal_t = as_times(signal_t, "signal_t", own=True)
    check_length("signal_t", signal_t.numel(), steps, "signal")
    still = signal_t[1:] <= signal_t[:-1]
    if bool(still.any()):
        raise GraphError(
            "signal_t",
            "times of a signal must increase",
            row=first_row(still) + 1,
            fix="Sort the steps and merge duplicates first.",
        )
    signal_recording = as_signal_recording(signal_recording, steps)
    if signal_mask is not None:
        signal_mask = as_tensor(signal_mask, "signal_mask").to(torch.bool)
        if signal_mask.dim() == 2:
            signal_mask = signal_mask.unsqueeze(-1)
        if signal_mask.shape not in (signal.shape, (*signal.shape[:2], 1)):
            raise GraphError(
                "signal_mask",
                "the shape differs from the signal's",
                expected=list(signal.shape),
                got=list(signal_mask.shape),
            )
    if signal.is_floating_point() and not bool((finite := torch.isfinite(signal)).all()):
        missing = torch.isnan(signal)
        if bool(missing.any()):
            signal_mask = ~missing if signal_mask is None else signal_mask & ~missing
        if signal_mask is None or bool((~finite & signal_mask).any()):
            valid = ~missing if signal_mask is None else signal_mask
            check_finite(signal.masked_fill(~valid, 0), "signal")
        signal = signal.masked_fill(~finite, 0)
    return dict(zip(SIGNAL_COLUMNS, (signal, signal_t, signal_mask, signal_recording)))


def _count_nodes(
    num_nodes: int | None,
    src: Tensor,
    dst: Tensor,
    changes: NodeEvents | None,
    nodes: dict[str, Any],
    signal: dict[str, Tensor | None],
    node_names: Any,
    node_space: Any,
) -> tuple[int, str]:
    """The number of nodes, and the advice for an id that is not below it."""
    mend = "Raise num_nodes, or leave it out to infer it."
    per_node = {**nodes, "node_names": node_names, "node_space": node_space}
    sizes = {k: len(v) for k, v in per_node.items() if v is not None and not _is_scalar(v)}
    if signal["signal"] is not None:
        sizes["signal"] = signal["signal"].shape[1]
    if num_nodes is not None:
        count = check_count(num_nodes, "num_nodes")
    elif sizes:
        source, count = next(iter(sizes.items()))
        mend = f"'{source}' says how many nodes there are: give it an entry for every node."
    else:
        ids = [src, dst] if changes is None else [src, dst, changes.node]
        count = max((int(v.max()) + 1 for v in ids if v.numel()), default=1)
    if sizes.get("signal", count) != count:
        raise GraphError(
            "signal",
            "the number of nodes differs",
            expected=f"[T, {count}, C]",
            got=list(signal["signal"].shape),
            fix="Give one row of the signal per node.",
        )
    return max(count, 1), mend


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str) or getattr(value, "ndim", 1) == 0


def _check_one_device(**columns: Tensor | None) -> None:
    home = columns["src"].device
    for name, value in columns.items():
        if value is not None and value.device != home:
            raise GraphError(
                name,
                "the columns are on different devices",
                expected=f"{home} as 'src'",
                got=str(value.device),
                fix="Build the graph on the CPU and move it with g.to(device).",
            )
