"""Tables of pandas to a graph and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.convert.classes import named_classes
from graphkit.data.convert.dates import Times, read_times, tick_dates
from graphkit.data.convert.labels import MappedNodes
from graphkit.data.convert.node_tables import is_labelled, wide_table
from graphkit.data.convert.table_columns import (
    as_float,
    as_saved,
    find_column,
    numeric_column,
    stacked,
)
from graphkit.data.convert.table_nodes import labels_by_id, map_table_nodes, node_column
from graphkit.data.labels import labels_to_json
from graphkit.data.names import facts_from_json, facts_to_json
from graphkit.data.time_unit import TimeUnit
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.columns import NodeEvents
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["from_pandas", "to_pandas"]

_COLUMNS = ("edge_weight", "edge_type", "edge_y", "edge_attr")
_META = "graphkit"  # key in DataFrame.attrs under which to_pandas keeps what a table cannot hold


class Facts(dict):
    """What a table cannot hold, in ``DataFrame.attrs``. pandas copies attrs at every step: this
    is never changed, and so its copy is itself."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Facts:
        return self


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
    x: Any = None,
    y: Any = None,
    node_type: Any = None,
    node_events: NodeEvents | dict[str, Any] | None = None,
    signal: Any = None,
    signal_t: Any = None,
    signal_mask: Any = None,
    signal_recording: Any = None,
    recordings: Mapping[str, Any] | None = None,
    ids: str = "auto",
    bipartite: bool = False,
    num_nodes: int | None = None,
    node_names: Any = None,
    node_space: Any = None,
    time_unit: TimeUnit | str | None = None,
    dates: bool = False,
    time_zone: Any = None,
    float_dtype: torch.dtype | None = torch.float32,
    column_names: Mapping[str, Any] | None = None,
    class_names: Mapping[str, Any] | None = None,
    sort: bool = True,
    name: str | None = None,
) -> TemporalGraph:
    """Build a graph from a table with one row per event; rows need not be sorted.

    Args:
        events: The table.
        src: Column of source nodes: integers, text or anything else that can be a dict key.
        dst: Column of destination nodes.
        time: Column of times: numbers in ``time_unit``, dates or spans (dates become ticks since
            1970-01-01 UTC). ``None`` for a static graph, all of whose events have time 0.
        edge_attr: One numeric column (``[E]``) or a list of columns (``[E, D]``).
        edge_y: Column (or list) of labels of events. A column of text, categories or truth values
            becomes int64 classes, whose names are kept in ``class_names``: in sorted order, or
            in the categories' own order.
        edge_weight: Column of weights.
        edge_type: Column of integer types.
        x: Node features ``[N, ...]``. A table with an index of labels is matched to the nodes by
            label; a bare array (or a default index) has its rows in order of id.
        y: Node labels, as ``x``; text, categories and truth values become classes.
        node_type: Node types, as ``x``.
        node_events: Node data that change, by id; see :class:`~graphkit.TemporalGraph`.
        signal: Regular readings ``[T, N, C]``. A table has one row per time and columns named by
            label, or pairs of label and channel; times are the column called ``time`` or the
            index.
        signal_t, signal_mask, signal_recording, recordings: See :class:`~graphkit.TemporalGraph`.
        ids: ``"auto"``: labels are looked up in ``node_names``; if instead ``num_nodes`` (or an
            array ``x``, ``y``, ``node_type``, ``signal``) says how many nodes there are, integers
            are the ids; otherwise labels of any kind, integers too, are numbered in sorted order
            (numbers before text) and kept in ``node_names``. ``"as_is"``: the integers in ``src``
            and ``dst`` are the ids. ``"number"`` (or ``"compact"``): labels are always numbered.
        bipartite: Sources and destinations have separate ids and labels, as users and items
            have: sources become ``0..U-1``, destinations ``U..U+I-1``, and one label may occur in
            both columns. ``graph.node_space`` and ``graph.num_src_nodes`` tell them apart.
        num_nodes: ``N``, for ids that are given.
        node_names: Labels by id. ``src`` and ``dst`` are looked up in it, so that ids agree with
            another graph's, and with the rows of ``x``.
        node_space: bool ``[N]``, which names are destinations, if ``node_names`` are those of a
            bipartite graph.
        time_unit: What one tick is. By default ``"s"``; for dates the coarsest of s, ms, us, ns
            in which all of them are whole.
        dates: Numbers in ``time`` count from 1970-01-01 UTC. Columns of dates imply it.
        time_zone: Zone of the dates, kept with the graph; ticks are UTC. Dates without a zone are
            local times there. By default the zone that the column of times has.
        float_dtype: Type for features, weights and labels that are float64 in the table; ``None``
            keeps float64. Times always stay float64.
        column_names: Names of columns that come as arrays; those of ``events`` are kept anyway.
        class_names: Names of the classes of ``"edge_y"``, ``"y"`` or ``"recordings.<column>"``, in
            the order of their numbers.
        sort: Sort unsorted events (stable) instead of raising.
        name: A name for tables and plots.

    What :func:`to_pandas` wrote is read back exactly without naming columns.

    Raises:
        GraphError: A column is missing (the message lists those at hand) or not numeric, a label
            or date is missing, labels cannot be told apart, a table of nodes does not fit the
            labels, an array of the caller's order meets nodes that were numbered here, a date is
            not a whole number of ticks, or the graph is invalid.
    """
    from graphkit.data.temporal_graph import TemporalGraph

    if not isinstance(events, pd.DataFrame):
        raise GraphError("events", "not a DataFrame", got=type(events).__name__)
    if events.empty:
        raise GraphError("events", "the graph is empty", expected="at least one row")
    meta = events.attrs.get(_META, {})
    facts = facts_from_json(meta)
    classes = facts.pop("class_names", {}) | dict(class_names or {})
    names: dict[str, Any] = dict(facts.pop("column_names", {}))
    if not meta:
        names = {key: str(value) for key, value in (("src", src), ("dst", dst), ("t", time))
                 if value is not None}  # fmt: skip
    given = {"edge_weight": edge_weight, "edge_type": edge_type, "edge_y": edge_y,
             "edge_attr": edge_attr}  # fmt: skip
    columns: dict[str, Any] = {}
    for key, chosen in given.items():
        saved = meta.get("columns", {}).get(key)
        if chosen is None and saved is not None and set(saved["names"]) <= set(events.columns):
            columns[key] = _restored(events, key, saved)
        elif chosen is not None:
            known = classes.get(key) if key == "edge_y" else None
            columns[key], found = _features(events, chosen, float_dtype, known, key == "edge_y")
            names[key] = [str(c) for c in chosen] if _is_list(chosen) else str(chosen)
            if found is not None:
                classes[key] = found
        else:
            names.pop(key, None)
            classes.pop(key, None)
    tables = {"x": x, "y": y, "node_type": node_type}
    mapped = map_table_nodes(events, (src, dst), meta, ids, bipartite, num_nodes, node_names,
                        node_space, tables, signal, node_events)  # fmt: skip
    for key, value in tables.items():
        if value is None:
            names.pop(key, None)
            continue
        columns[key], found, labels = node_column(value, key, mapped, classes.get(key), float_dtype)
        if found is not None:
            classes[key] = found
        if labels is not None:
            names.setdefault(key, labels)
    if y is None and node_events is None:
        classes.pop("y", None)
    if time_unit is None:
        time_unit = facts.get("time_unit")
    time_zone = facts.get("time_zone") if time_zone is None else time_zone
    wide = None
    if isinstance(signal, pd.DataFrame) and (
        is_labelled(signal, columns=True) or isinstance(signal.columns, pd.MultiIndex)
    ):
        wide = wide_table(signal, labels_by_id(mapped, "signal"), time)
        signal = as_float(
            torch.from_numpy(np.require(wide.values, requirements=["C", "W"])), float_dtype
        )
        if wide.channels is not None:
            names["signal"] = wide.channels
    times, signal_t = _all_times(events, time, time_unit, time_zone, wide, signal_t)
    if "signal" in names and signal is None:
        names.pop("signal")
    return TemporalGraph(
        mapped.src,
        mapped.dst,
        times.values,
        node_events=node_events,
        signal=signal,
        signal_t=signal_t,
        signal_mask=signal_mask,
        signal_recording=signal_recording,
        recordings=recordings,
        num_nodes=_count(mapped, num_nodes, columns, signal, meta),
        node_names=mapped.names,
        node_space=mapped.space,
        time_unit=times.unit,
        dates=dates or times.dates or bool(facts["dates"]),
        time_zone=times.zone,
        column_names=names | dict(column_names or {}),
        class_names=classes,
        sort=sort,
        name=facts.get("name") if name is None else name,
        **columns,
    )


def to_pandas(
    graph: TemporalGraph,
    table: str = "events",
    *,
    labels: bool = True,
    dates: bool = False,
    source_names: bool = False,
) -> pd.DataFrame:
    """One table of a graph.

    Args:
        graph: Any graph.
        table: ``"events"``: columns ``src``, ``dst``, ``t`` and those of ``edge_weight``,
            ``edge_type``, ``edge_y``, ``edge_attr`` that the graph has. ``"nodes"``: ``x``, ``y``,
            ``node_type``, indexed by node. ``"node_events"``: ``node``, ``t``, ``x``, ``y``.
            A column of more than one axis becomes ``edge_attr_0``, ``edge_attr_1``, ...
        labels: Write ``node_names`` instead of ids, if the graph has them.
        dates: Write times as dates: in ``graph.time_zone``, or without a zone (ticks are since
            1970-01-01 UTC).
        source_names: Call columns as the graph's source did (``graph.column_names``) and write
            classes by name (``graph.class_names``).

    Raises:
        GraphError: There is no such table, or the times are no dates.
    """
    names = graph.node_names if labels else None

    def nodes(ids: Tensor) -> np.ndarray:
        ids = ids.cpu().numpy()
        return ids if names is None else names[ids]

    def times(t: Tensor) -> Any:
        ticks = t.cpu().numpy()
        if not dates:
            return ticks
        found = tick_dates(ticks, graph.time_unit)
        if graph.time_zone is None:
            return found
        return pd.DatetimeIndex(found).tz_localize("UTC").tz_convert(graph.time_zone)

    if table == "events":
        lead = {"src": nodes(graph.src), "dst": nodes(graph.dst), "t": times(graph.t)}
        rest = {name: getattr(graph, name) for name in _COLUMNS}
        index = None
    elif table == "nodes":
        lead, index = {}, nodes(torch.arange(graph.num_nodes))
        rest = {name: getattr(graph, name) for name in ("x", "y", "node_type")}
    elif table == "node_events" and graph.node_events is not None:
        changes = graph.node_events
        lead = {"node": nodes(changes.node), "t": times(changes.t)}
        rest, index = {"x": changes.x, "y": changes.y}, None
    else:
        raise GraphError(
            "table", "this graph has no such table", expected="'events', 'nodes', 'node_events'",
            got=repr(table),
        )  # fmt: skip
    called = graph.column_names if source_names else {}
    lead = {called.get(key, (key,))[0]: value for key, value in lead.items()}
    blocks = [pd.DataFrame(lead, index=index)]
    facts: dict[str, Any] = {"num_nodes": graph.num_nodes, **facts_to_json(graph), "columns": {}}
    for name, value in rest.items():
        if value is not None:
            classes = graph.class_names.get(name) if source_names else None
            block, told = _block(name, value, index, called.get(name), classes)
            if classes is None:
                facts["columns"][name] = told
            blocks.append(block)
    if names is not None and all(type(label) in (str, int, float) for label in names.tolist()):
        facts["node_names"] = labels_to_json(names)
    if graph.node_space is not None:
        facts["node_space"] = graph.node_space.int().tolist()
    facts["labels"] = names is not None
    table = pd.concat(blocks, axis=1)
    if source_names:  # one source column may be a weight and a feature
        table = table.loc[:, ~table.columns.duplicated()]
    table.attrs[_META] = Facts(facts)
    return table


def _all_times(
    events: pd.DataFrame, time: Any, unit: Any, zone: Any, wide: Any, signal_t: Any
) -> tuple[Times, Any]:
    """Times of the events and of the signal, on one clock."""
    signal_times = None if wide is None else wide.times
    if signal_times is not None and signal_t is not None:
        raise GraphError("signal_t", "times are given twice", fix="The table has times already.")
    if time is None:
        unit = TimeUnit(unit) if isinstance(unit, str) else unit
        if signal_times is None:
            return Times(
                np.zeros(len(events), dtype=np.int64), unit or TimeUnit("s"), False, zone
            ), signal_t
        other = read_times(signal_times, "signal_t", unit, zone)
        return other._replace(values=np.zeros(len(events), dtype=np.int64)), other.values
    column = find_column(events, time)
    times = read_times(column, str(time), unit, zone, like=signal_times)
    if signal_times is not None:
        other = read_times(signal_times, "signal_t", times.unit, zone)
        if other.dates != times.dates:
            raise GraphError(
                "signal_t",
                "events and readings have different clocks",
                expected="dates in both, or numbers in both",
                got="dates in one only",
            )
        signal_t = other.values
    return times, signal_t


def _count(
    mapped: MappedNodes, num_nodes: int | None, columns: dict[str, Any], signal: Any, meta: Any
) -> int | None:
    if mapped.names is not None:
        return len(mapped.names)
    known = [columns[key] for key in ("x", "y", "node_type") if key in columns]
    if num_nodes is not None or known or signal is not None:
        return num_nodes
    return meta.get("num_nodes")


def _block(
    name: str,
    value: Tensor,
    index: Any,
    called: Sequence[str] | None = None,
    classes: Sequence[Any] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A column as one or more columns of a table, and what is needed to undo it."""
    value = value.detach().cpu()
    shape, dtype = list(value.shape[1:]), str(value.dtype).removeprefix("torch.")
    flat = value.reshape(value.size(0), -1)
    if value.dtype == torch.bfloat16:  # numpy has no such type; every bfloat16 is a float32
        flat = flat.to(torch.float32)
    names = [name] if not shape else [f"{name}_{i}" for i in range(flat.size(1))]
    names = names if called is None else list(called)
    if classes is not None:
        by_number = np.array([*classes, None], dtype=object)  # the class -1 is not known
        return pd.DataFrame({names[0]: by_number[flat[:, 0].numpy()]}, index=index), {}
    block = pd.DataFrame(flat.numpy(), columns=names, index=index)
    return block, {"names": names, "shape": shape, "dtype": dtype}


def _restored(events: pd.DataFrame, key: str, saved: dict[str, Any]) -> Tensor:
    dtype = getattr(torch, saved["dtype"])
    rows = [numeric_column(events, name) for name in saved["names"]]
    table = stacked(rows, saved["names"], dtype) if rows else np.zeros((len(events), 0))
    found = as_saved(torch.from_numpy(table), dtype, key)
    return found.reshape(len(events), *saved["shape"])


def _features(
    events: pd.DataFrame,
    chosen: Any,
    float_dtype: torch.dtype | None,
    known: Sequence[Any] | None,
    labels: bool,
) -> tuple[Any, tuple[Any, ...] | None]:
    """A column ``[E]``, or a list of columns ``[E, D]``, and names of classes."""
    if _is_list(chosen):
        if not len(chosen):
            raise GraphError("edge_attr", "the list of columns is empty", fix="Leave it out.")
        arrays = [numeric_column(events, name) for name in chosen]
        value = stacked(arrays, list(map(str, chosen)), float_dtype)
    else:
        if labels:
            found = named_classes(find_column(events, chosen), str(chosen), known)
            if found is not None:
                return found
        value = numeric_column(events, chosen)
    return as_float(torch.from_numpy(np.require(value, requirements=["C", "W"])), float_dtype), None


def _is_list(chosen: Any) -> bool:
    return isinstance(chosen, (Sequence, pd.Index, np.ndarray)) and not isinstance(
        chosen, (str, tuple)
    )
