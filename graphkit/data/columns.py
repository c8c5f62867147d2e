"""The columns behind a :class:`~graphkit.TemporalGraph`: checked once, sorted once, then shared."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

__all__ = ["Columns", "NodeEvents", "build_columns"]

EVENT_COLUMNS = ("edge_attr", "edge_y", "edge_weight", "edge_type")
NODE_COLUMNS = ("x", "y", "node_type")
_SIGNAL_COLUMNS = ("signal", "signal_t", "signal_mask")


@dataclass(frozen=True)
class NodeEvents:
    """Features or labels of nodes that change over time, sorted by time.

    Attributes:
        node: int64 ``[M]``, the node.
        t: int64 or float64 ``[M]``, when.
        x: ``[M, ...]`` features from then on, or ``None``.
        y: ``[M, ...]`` labels at that time, or ``None``.
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


@dataclass(frozen=True)
class Columns:
    """All columns of one graph over its whole time, and what is derived from them once."""

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
    node_names: np.ndarray | None = None
    name: str | None = None
    tables: Tables | None = None
    cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def map_tensors(self, function: Any) -> Columns:
        """The same columns with a function applied to every tensor (a move to a device)."""

        def apply(value: Any) -> Any:
            if isinstance(value, Tensor):
                return function(value)
            if isinstance(value, (NodeEvents, Tables)):
                parts = {f.name: apply(getattr(value, f.name)) for f in fields(value)}
                return type(value)(**parts)
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


@dataclass(frozen=True)
class Tables:
    """Event columns over every event that the graph was built from, indexed by ``event_id``.

    Slices and filtered graphs share them: a model that remembers event ids looks features up here.
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
    time_unit: TimeUnit | str = "s",
    sort: bool = True,
    name: str | None = None,
    **optional: Any,
) -> Columns:
    """Check every column, sort the events by time (ties keep their order) and freeze the result.

    Raises:
        GraphError: See :class:`~graphkit.TemporalGraph`.
    """
    unit = time_unit if isinstance(time_unit, TimeUnit) else TimeUnit(time_unit)
    src, dst = as_ids(src, "src"), as_ids(dst, "dst")
    t = as_times(t, "t")
    num_events = src.numel()
    for column, value in (("dst", dst), ("t", t)):
        if value.numel() != num_events:
            _raise_length(column, value.numel(), num_events, "src")
    events: dict[str, Tensor | None] = {}
    for column in EVENT_COLUMNS:
        events[column] = as_features(optional.pop(column, None), column, num_events, "src")
    if events["edge_type"] is not None and events["edge_type"].is_floating_point():
        raise GraphError("edge_type", "edge types are integers", got=str(events["edge_type"].dtype))

    nodes = {column: optional.pop(column, None) for column in NODE_COLUMNS}
    signal = {column: optional.pop(column, None) for column in _SIGNAL_COLUMNS}
    if optional:
        raise TypeError(f"TemporalGraph has no column named {', '.join(map(repr, optional))}.")
    changes = _as_node_events(node_events)
    signal = _as_signal(**signal)
    if num_events == 0 and changes is None and signal["signal"] is None:
        raise GraphError(
            "src", "the graph is empty", expected="at least one event, node event or signal"
        )

    num_nodes = _count_nodes(num_nodes, src, dst, changes, nodes, signal, node_names)
    for column, value in nodes.items():
        nodes[column] = as_features(value, column, num_nodes, "num_nodes")
    check_ids(src, "src", num_nodes)
    check_ids(dst, "dst", num_nodes)
    if changes is not None:
        check_ids(changes.node, "node_events.node", num_nodes)
        changes = _sort_node_events(changes, sort)
    if node_names is not None:
        node_names = np.asarray(node_names)
        if node_names.shape != (num_nodes,):
            _raise_length("node_names", len(node_names), num_nodes, "num_nodes")

    descents = t[1:] < t[:-1]
    if bool(descents.any()):
        if not sort:
            row = int(descents.nonzero()[0]) + 1
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
        event_id=torch.arange(num_events),
        num_nodes=num_nodes,
        time_unit=unit,
        node_events=changes,
        node_names=node_names,
        name=name,
        tables=Tables(**events),
        **events,
        **nodes,
        **signal,
    )


def as_ids(value: Any, column: str) -> Tensor:
    """Node ids as an int64 vector."""
    value = _as_tensor(value, column)
    if value.dim() != 1:
        raise GraphError(
            column, "ids form one row each", expected="shape [E]", got=list(value.shape)
        )
    if value.dtype == torch.bool:
        raise GraphError(column, "truth values are not node ids", got="bool")
    if value.is_floating_point():
        whole = value == value.floor()
        if not bool(whole.all()):
            row = _first(~whole)
            raise GraphError(
                column,
                "a node id is not an integer",
                row=row,
                got=value[row].item(),
                fix="Drop rows with missing ids; map labels with TemporalGraph.from_pandas.",
            )
    return value.to(torch.int64).contiguous()


def as_times(value: Any, column: str) -> Tensor:
    """Times as an int64 or float64 vector; finite."""
    value = _as_tensor(value, column)
    if value.dim() != 1:
        raise GraphError(
            column, "times form one row each", expected="shape [E]", got=list(value.shape)
        )
    if value.dtype == torch.bool:
        raise GraphError(column, "truth values are not times", got="bool")
    if value.is_floating_point():
        value = value.to(torch.float64)
        finite = torch.isfinite(value)
        if not bool(finite.all()):
            row = _first(~finite)
            raise GraphError(
                column,
                "a time is not finite",
                row=row,
                expected="a finite number",
                got=value[row].item(),
                fix="Drop or mend these rows.",
            )
        return value.contiguous()
    return value.to(torch.int64).contiguous()


def as_features(value: Any, column: str, rows: int, like: str) -> Tensor | None:
    """A feature or label column as a tensor of ``rows`` rows without NaN, or ``None``."""
    if value is None:
        return None
    value = _as_tensor(value, column)
    if value.dim() == 0 or value.shape[0] != rows:
        _raise_length(column, value.shape[0] if value.dim() else 0, rows, like)
    if value.is_floating_point():
        bad = torch.isnan(value)
        if bool(bad.any()):
            row = _first(bad.reshape(rows, -1).any(dim=1))
            raise GraphError(
                column,
                "a value is NaN",
                row=row,
                expected="numbers",
                got="nan",
                fix="Fill or drop missing values first.",
            )
    return value.contiguous()


def check_ids(ids: Tensor, column: str, num_nodes: int) -> None:
    """Raise if an id is negative or not below ``num_nodes``."""
    if ids.numel() == 0:
        return
    low, high = torch.aminmax(ids)
    if low < 0:
        row = _first(ids < 0)
        raise GraphError(
            column,
            "a node id is negative",
            row=row,
            expected="ids from 0",
            got=ids[row].item(),
            fix="Map labels to ids with TemporalGraph.from_pandas(ids='compact').",
        )
    if high >= num_nodes:
        row = _first(ids >= num_nodes)
        raise GraphError(
            column,
            "a node id is too large",
            row=row,
            expected=f"below num_nodes={num_nodes}",
            got=ids[row].item(),
            fix="Raise num_nodes, or leave it out to infer it.",
        )


def _as_tensor(value: Any, column: str) -> Tensor:
    if isinstance(value, Tensor):
        value = value.detach()
    else:
        if hasattr(value, "to_numpy"):  # pandas
            value = value.to_numpy()
        value = np.asarray(value)
        if value.dtype.kind not in "biuf":
            row = None
            if value.dtype.kind in "OSU" and value.ndim:
                row = _first_non_number(value)
            raise GraphError(
                column,
                "values are not numbers",
                row=row,
                expected="numbers",
                got=repr(value.reshape(-1)[row]) if row is not None else str(value.dtype),
                fix="Encode categories as integers; map labels and dates with "
                "TemporalGraph.from_pandas.",
            )
        if value.dtype.kind == "u" and value.dtype.itemsize == 8:
            if value.size and value.max() > np.iinfo(np.int64).max:
                raise GraphError(column, "a value does not fit in int64", got=value.max())
            value = value.astype(np.int64)
        elif value.dtype.kind == "u" and value.dtype.itemsize > 1:
            value = value.astype(np.int64)
        value = np.ascontiguousarray(value)
        if not value.flags.writeable and not isinstance(value.base, np.memmap):
            value = value.copy()
        value = torch.from_numpy(value.astype(value.dtype.newbyteorder("="), copy=False))
    if value.is_complex():
        raise GraphError(column, "complex numbers are not supported", got=str(value.dtype))
    return value


def _first_non_number(value: np.ndarray) -> int:
    for row, item in enumerate(value.reshape(-1)):
        if isinstance(item, str) or not np.isscalar(item) or item is None:
            return row
    return 0


def _first(mask: Tensor) -> int:
    return int(mask.nonzero()[0, 0])


def _raise_length(column: str, got: int, expected: int, like: str) -> None:
    raise GraphError(
        column,
        "the number of rows differs",
        expected=f"{expected} as in '{like}'" if like != "num_nodes" else f"num_nodes={expected}",
        got=got,
        fix="Give every column one row per event (or per node).",
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
    node = as_ids(value["node"], "node_events.node")
    t = as_times(value["t"], "node_events.t")
    if t.numel() != node.numel():
        _raise_length("node_events.t", t.numel(), node.numel(), "node_events.node")
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
            "node_events.t", "times are not sorted", row=_first(descents) + 1, fix="Pass sort=True."
        )
    order = torch.sort(value.t, stable=True).indices
    return NodeEvents(
        **{
            f.name: None if (v := getattr(value, f.name)) is None else v[order]
            for f in fields(value)
        }
    )


def _as_signal(signal: Any, signal_t: Any, signal_mask: Any) -> dict[str, Tensor | None]:
    if signal is None:
        if signal_t is not None or signal_mask is not None:
            raise GraphError("signal", "signal_t or signal_mask is given without a signal")
        return {"signal": None, "signal_t": None, "signal_mask": None}
    signal = _as_tensor(signal, "signal")
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
        signal_t = torch.arange(steps)
    signal_t = as_times(signal_t, "signal_t")
    if signal_t.numel() != steps:
        _raise_length("signal_t", signal_t.numel(), steps, "signal")
    still = signal_t[1:] <= signal_t[:-1]
    if bool(still.any()):
        raise GraphError(
            "signal_t",
            "times of a signal must increase",
            row=_first(still) + 1,
            fix="Sort the steps and merge duplicates first.",
        )
    if signal_mask is not None:
        signal_mask = _as_tensor(signal_mask, "signal_mask").to(torch.bool)
        if signal_mask.dim() == 2:
            signal_mask = signal_mask.unsqueeze(-1)
        if signal_mask.shape not in (signal.shape, (*signal.shape[:2], 1)):
            raise GraphError(
                "signal_mask",
                "the shape differs from the signal's",
                expected=list(signal.shape),
                got=list(signal_mask.shape),
            )
    elif signal.is_floating_point():
        missing = torch.isnan(signal)
        if bool(missing.any()):
            signal_mask = ~missing
            signal = torch.where(missing, torch.zeros((), dtype=signal.dtype), signal)
    return {"signal": signal, "signal_t": signal_t, "signal_mask": signal_mask}


def _count_nodes(
    num_nodes: int | None,
    src: Tensor,
    dst: Tensor,
    changes: NodeEvents | None,
    nodes: dict[str, Any],
    signal: dict[str, Tensor | None],
    node_names: Any,
) -> int:
    if num_nodes is not None:
        if isinstance(num_nodes, bool) or int(num_nodes) != num_nodes or num_nodes < 1:
            raise GraphError("num_nodes", "not a count", expected="an integer > 0", got=num_nodes)
        count = int(num_nodes)
    else:
        sizes = [len(v) for v in (*nodes.values(), node_names) if v is not None]
        for ids in (src, dst, None if changes is None else changes.node):
            if ids is not None and ids.numel():
                sizes.append(int(ids.max()) + 1)
        if signal["signal"] is not None:
            sizes.append(signal["signal"].shape[1])
        fixed = [len(v) for v in (*nodes.values(), node_names) if v is not None]
        count = fixed[0] if fixed else max(sizes, default=1)
    if signal["signal"] is not None and signal["signal"].shape[1] != count:
        raise GraphError(
            "signal",
            "the number of nodes differs",
            expected=f"[T, {count}, C]",
            got=list(signal["signal"].shape),
            fix="Give one row of the signal per node.",
        )
    return max(count, 1)
