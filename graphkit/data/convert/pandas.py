"""Tables of pandas to a graph and back."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.convert.dates import coarsest_unit, date_ticks, tick_dates
from graphkit.data.convert.labels import map_nodes
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["from_pandas", "time_ticks", "to_pandas"]

_COLUMNS = ("edge_weight", "edge_type", "edge_y", "edge_attr")
_META = "graphkit"  # key in DataFrame.attrs under which to_pandas keeps what a table cannot hold


def from_pandas(
    events: pd.DataFrame,
    src: Any = "src",
    dst: Any = "dst",
    time: Any = "t",
    *,
    edge_attr: Any = None,
    edge_y: Any = None,
    edge_weight: Any = None,
    edge_type: Any = None,
    ids: str = "auto",
    node_names: Any = None,
    num_nodes: int | None = None,
    time_unit: TimeUnit | str | None = None,
    float_dtype: torch.dtype | None = torch.float32,
    **columns: Any,
) -> TemporalGraph:
    """Build a graph from a table with one row per event; rows need not be sorted.

    Args:
        events: The table.
        src: Column of source nodes: numbers, strings or anything else that can be a dict key.
        dst: Column of destination nodes.
        time: Column of times: numbers in ``time_unit``, dates or spans (dates become ticks since
            1970-01-01 UTC). ``None`` for a static graph, all of whose events have time 0.
        edge_attr: One numeric column (``[E]``) or a list of columns (``[E, D]``).
        edge_y: Column (or list) of labels of events.
        edge_weight: Column of weights.
        edge_type: Column of integer types.
        ids: ``"as_is"``: the integers in ``src`` and ``dst`` are the ids. ``"compact"``: labels of
            any kind are numbered in sorted order (in order of appearance if they cannot be
            sorted) and kept in ``node_names``. ``"auto"``: integers from 0 are taken as they are
            if ``num_nodes`` is known, or if all are below ``2 E`` (larger ones must have gaps);
            everything else is made compact.
        node_names: Labels by id. ``src`` and ``dst`` are looked up in it, so that ids agree with
            another graph's, and with the rows of ``x``.
        num_nodes: ``N``. Also known from ``x``, ``y`` or ``node_type``.
        time_unit: What one tick is. By default ``"s"``; for dates the coarsest of s, ms, us, ns
            in which all of them are whole.
        float_dtype: Type for features, weights and labels that are float64 in the table; ``None``
            keeps float64. Times always stay float64.
        columns: Further columns of :class:`~graphkit.TemporalGraph`, rows in order of node id:
            ``x``, ``y``, ``node_type``, ``node_events``, ``signal``, ``sort``, ``name``, ...

    What :func:`to_pandas` wrote is read back exactly without naming columns; labelled nodes keep
    their ids if ``node_names`` is passed too.

    Raises:
        GraphError: A column is missing (the message lists those at hand) or not numeric, a label
            or date is missing, a date is not a whole number of ticks, or the graph is invalid.
    """
    from graphkit.data.temporal_graph import TemporalGraph

    if not isinstance(events, pd.DataFrame):
        raise GraphError("events", "not a DataFrame", got=type(events).__name__)
    if events.empty:
        raise GraphError("events", "the graph is empty", expected="at least one row")
    meta = events.attrs.get(_META, {})
    given = {
        "edge_weight": edge_weight,
        "edge_type": edge_type,
        "edge_y": edge_y,
        "edge_attr": edge_attr,
    }
    for name, chosen in given.items():
        saved = meta.get("columns", {}).get(name)
        if chosen is None and saved is not None and set(saved["names"]) <= set(events.columns):
            columns[name] = _restored(events, saved)
        elif chosen is not None:
            columns[name] = _features(events, chosen, float_dtype)
    ends = _column(events, src), _column(events, dst)
    if num_nodes is None:
        known = next((columns[c] for c in ("x", "y", "node_type") if c in columns), None)
        num_nodes = meta.get("num_nodes") if known is None else len(known)
    src_ids, dst_ids, names = map_nodes(ends, (src, dst), ids, node_names, num_nodes)
    times, unit = time_ticks(events, time, time_unit or meta.get("time_unit"))
    if names is not None:
        num_nodes = len(names)
    if "name" in meta:
        columns.setdefault("name", meta["name"])
    return TemporalGraph(
        src_ids, dst_ids, times, node_names=names, num_nodes=num_nodes, time_unit=unit, **columns
    )


def to_pandas(
    graph: TemporalGraph, part: str = "events", *, labels: bool = True, dates: bool = False
) -> pd.DataFrame:
    """One part of a graph as a table.

    Args:
        graph: Any graph.
        part: ``"events"``: columns ``src``, ``dst``, ``t`` and those of ``edge_weight``,
            ``edge_type``, ``edge_y``, ``edge_attr`` that the graph has. ``"nodes"``: ``x``, ``y``,
            ``node_type``, indexed by node. ``"node_events"``: ``node``, ``t``, ``x``, ``y``.
            A column of more than one axis becomes ``edge_attr_0``, ``edge_attr_1``, ...
        labels: Write ``node_names`` instead of ids, if the graph has them.
        dates: Write times as dates (ticks are since 1970-01-01 UTC).

    Raises:
        GraphError: There is no such part, or the times are no dates.
    """
    names = graph.node_names if labels else None

    def nodes(ids: Tensor) -> np.ndarray:
        ids = ids.cpu().numpy()
        return ids if names is None else names[ids]

    def times(t: Tensor) -> np.ndarray:
        ticks = t.cpu().numpy()
        return tick_dates(ticks, graph.time_unit) if dates else ticks

    if part == "events":
        lead = {"src": nodes(graph.src), "dst": nodes(graph.dst), "t": times(graph.t)}
        rest = {name: getattr(graph, name) for name in _COLUMNS}
        index = None
    elif part == "nodes":
        lead, index = {}, nodes(torch.arange(graph.num_nodes))
        rest = {name: getattr(graph, name) for name in ("x", "y", "node_type")}
    elif part == "node_events" and graph.node_events is not None:
        changes = graph.node_events
        lead = {"node": nodes(changes.node), "t": times(changes.t)}
        rest, index = {"x": changes.x, "y": changes.y}, None
    else:
        raise GraphError(
            "part", "this graph has no such table", expected="'events', 'nodes', 'node_events'",
            got=repr(part),
        )  # fmt: skip
    blocks = [pd.DataFrame(lead, index=index)]
    meta: dict[str, Any] = {
        "num_nodes": graph.num_nodes, "time_unit": str(graph.time_unit), "columns": {},
    }  # fmt: skip
    if graph.name is not None:
        meta["name"] = graph.name
    for name, value in rest.items():
        if value is not None:
            block, meta["columns"][name] = _block(name, value, index)
            blocks.append(block)
    table = pd.concat(blocks, axis=1)
    table.attrs[_META] = meta
    return table


def _block(name: str, value: Tensor, index: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A column as one or more columns of a table, and what is needed to undo it."""
    value = value.detach().cpu()
    shape, dtype = list(value.shape[1:]), str(value.dtype).removeprefix("torch.")
    flat = value.reshape(value.size(0), -1)
    if value.dtype == torch.bfloat16:  # numpy has no such type; every bfloat16 is a float32
        flat = flat.to(torch.float32)
    names = [name] if not shape else [f"{name}_{i}" for i in range(flat.size(1))]
    block = pd.DataFrame(flat.numpy(), columns=names, index=index)
    return block, {"names": names, "shape": shape, "dtype": dtype}


def _restored(events: pd.DataFrame, saved: dict[str, Any]) -> Tensor:
    dtype = getattr(torch, saved["dtype"])
    rows = [_numeric(events, name) for name in saved["names"]]
    table = np.stack(rows, axis=1) if rows else np.zeros((len(events), 0))
    return torch.from_numpy(table).to(dtype).reshape(len(events), *saved["shape"])


def _features(events: pd.DataFrame, chosen: Any, float_dtype: torch.dtype | None) -> Tensor:
    """A column ``[E]``, or a list of columns ``[E, D]``."""
    if isinstance(chosen, Sequence) and not isinstance(chosen, (str, tuple)):
        value = np.stack([_numeric(events, name) for name in chosen], axis=1)
    else:
        value = _numeric(events, chosen)
    value = torch.from_numpy(np.ascontiguousarray(value))
    return value.to(float_dtype) if float_dtype and value.dtype == torch.float64 else value


def _numeric(events: pd.DataFrame, name: Any) -> np.ndarray:
    column = _column(events, name)
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind == "c":
        text = pd.to_numeric(column, errors="coerce").isna().to_numpy()
        row = int(np.argmax(text)) if text.any() else 0
        raise GraphError(
            str(name),
            "a feature column is not numeric",
            row=row,
            expected="numbers",
            got=f"{column.iloc[row]!r}",
            fix="Encode categories as numbers, for example with pandas.factorize.",
        )
    missing = column.isna().to_numpy()
    if missing.any():
        raise GraphError(
            str(name),
            "a value is missing",
            row=int(np.argmax(missing)),
            expected="a number",
            got="NaN",
            fix="Fill missing values (events[column].fillna(...)) or drop these rows.",
        )
    value = column.to_numpy()
    if value.dtype == object:  # a nullable type of pandas
        value = column.to_numpy(dtype=column.dtype.name.lower())
    return value.copy() if not value.flags.writeable else value


def time_ticks(
    events: pd.DataFrame, name: Any, unit: TimeUnit | str | None
) -> tuple[np.ndarray, TimeUnit]:
    """A column of numbers, dates or spans as times, and their unit; see :func:`from_pandas`."""
    if unit is not None and not isinstance(unit, TimeUnit):
        unit = TimeUnit(unit)
    if name is None:
        return np.zeros(len(events), dtype=np.int64), unit or TimeUnit("s")
    column = _column(events, name)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if column.dtype.kind in "Mm":
        values = column.to_numpy()
        unit = unit or coarsest_unit(values)
        return date_ticks(values, unit, str(name)), unit
    if not pd.api.types.is_numeric_dtype(column.dtype):
        bad = pd.to_numeric(column, errors="coerce").isna().to_numpy()
        some = bad.any() and not bad.all()  # numbers, but for some rows
        row = int(bad.argmax()) if some else 0
        parse = f"Parse them first: events[{name!r}] = pandas.to_datetime(events[{name!r}])."
        raise GraphError(
            str(name),
            "a time is not a number" if some else "times are neither numbers nor dates",
            row=row,
            got=repr(column.iloc[row]),
            fix="Drop or mend these rows." if some else parse,
        )
    values = column.to_numpy()
    if values.dtype == object:  # a nullable type of pandas
        missing = column.isna().any()
        values = column.to_numpy(dtype="float64" if missing else column.dtype.name.lower())
    return values, unit or TimeUnit("s")


def _column(events: pd.DataFrame, name: Any) -> pd.Series:
    if name not in events.columns:
        close = difflib.get_close_matches(str(name), map(str, events.columns), n=1)
        raise GraphError(
            str(name),
            "there is no such column",
            expected=f"one of {', '.join(map(repr, events.columns))}",
            fix=f"Did you mean {close[0]!r}?" if close else "Name the columns: src=, dst=, time=.",
        )
    column = events[name]
    if isinstance(column, pd.DataFrame):
        raise GraphError(
            str(name),
            f"{column.shape[1]} columns have this name",
            fix="Rename them so that each name is unique.",
        )
    return column
