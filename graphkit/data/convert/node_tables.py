"""Tables of nodes and of readings, matched to ids by label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from graphkit.data.convert.dates import read_times
from graphkit.data.label_values import label_values
from graphkit.errors import GraphError

__all__ = ["WideTable", "is_labelled", "labels_of", "match_tables", "node_rows", "wide_table"]


class WideTable(NamedTuple):
    """Readings of all nodes at regular times.

    Attributes:
        times: The times as a column of pandas, or ``None`` if the table has none.
        values: ``[T, N, C]`` in order of node id and channel; NaN where a reading is missing.
        channels: Names of the channels, or ``None`` if the table has no level for them.
        labels: Labels by id, ``[N]``.
    """

    times: pd.Series | None
    values: np.ndarray
    channels: tuple[str, ...] | None
    labels: list[Any]


def is_labelled(value: Any, *, columns: bool = False) -> bool:
    """Whether a table says by name which row (or column) belongs to which node.

    A default index ``0, 1, ...`` names nothing: such a table is taken as a bare array.
    """
    if not isinstance(value, (pd.DataFrame, pd.Series)):
        return False
    axis = value.columns if columns else value.index
    plain = isinstance(axis, pd.RangeIndex) and axis.start == 0 and axis.step == 1
    return not plain


def labels_of(value: pd.DataFrame | pd.Series) -> pd.Index:
    """The labels of the rows of a table of nodes."""
    if isinstance(value.index, pd.MultiIndex):
        return pd.Index([tuple(label) for label in value.index], tupleize_cols=False)
    return value.index


def node_rows(
    labels: Sequence[Any] | pd.Index, wanted: Any, column: str, *, line: str = "row"
) -> np.ndarray:
    """The row (or column) of a table for every node.

    Args:
        labels: The labels of the rows, in any order.
        wanted: Labels by id, ``[N]``.
        column: Name of the table, for messages.
        line: ``"row"`` or ``"column"``, what the labels are of; for messages.

    Returns:
        int64 ``[N]``, positions in ``labels``.

    Raises:
        GraphError: A node has no row or two, or a row belongs to no node.
    """
    found = label_values(labels, column).tolist()
    place: dict[Any, int] = {}
    for row, label in enumerate(found):
        if place.setdefault(label, row) != row:
            raise GraphError(
                column,
                f"two {line}s have one label",
                row=row if line == "row" else None,
                got=repr(label),
            )
    wanted = wanted.tolist() if hasattr(wanted, "tolist") else list(wanted)
    absent = next((label for label in wanted if label not in place), None)
    if absent is not None:
        raise GraphError(
            column,
            f"there is no {line} for the node {absent!r}",
            expected=f"one {line} for each of {len(wanted)} nodes",
            got=f"{len(found)} {line}s, such as {', '.join(map(repr, found[:3]))}",
            fix=f"Name {line}s by the labels of the nodes, of the same type.",
        )
    if len(place) > len(wanted):
        known = set(wanted)
        row = next(row for row, label in enumerate(found) if label not in known)
        raise GraphError(
            column,
            f"a {line} belongs to no node",
            row=row if line == "row" else None,
            got=repr(found[row]),
            fix="Nodes without events are named too: "
            f"node_names=table.{'index' if line == 'row' else 'columns'}. Or drop these {line}s.",
        )
    return np.array([place[label] for label in wanted], dtype=np.int64)


def wide_table(
    frame: pd.DataFrame,
    wanted: Any,
    time: Any = None,
    *,
    channels: Sequence[str] | None = None,
    column: str = "signal",
) -> WideTable:
    """A table of one row per time and one column per node.

    Args:
        frame: Columns are labels of nodes, in any order; for several channels pairs of label and
            channel (a ``MultiIndex``). Times are the column called ``time`` if there is one,
            else the index unless it is ``0, 1, ...`` by default.
        wanted: Labels by id, ``[N]``; ``None`` takes the columns' own order.
        time: Name of the column of times.
        channels: Names and order of the channels; by default the order of the first node.
        column: Name for messages.

    Raises:
        GraphError: A node has no column, a column belongs to no node, a node lacks a channel, or
            values are not numbers.
    """
    times: pd.Series | None = None
    index = frame.index
    if not (isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1):
        times = pd.Series(index)
    key = _time_column(frame, time)
    if key is not None:
        times, frame = frame[key].reset_index(drop=True), frame.drop(columns=[key])
    if isinstance(frame.columns, pd.MultiIndex):
        if frame.columns.nlevels != 2:
            raise GraphError(
                column,
                "columns of several channels are pairs",
                expected="a MultiIndex of (node, channel)",
                got=f"{frame.columns.nlevels} levels",
            )
        pairs = list(frame.columns)
        nodes = label_values([node for node, _ in pairs], column).tolist()
        kinds = [str(channel) for _, channel in pairs]
        if channels is None:
            channels = tuple(dict.fromkeys(kinds))
        place = {pair: i for i, pair in enumerate(zip(nodes, kinds))}
        if len(place) != len(pairs):
            raise GraphError(column, "two columns have one name")
        wanted = list(dict.fromkeys(nodes)) if wanted is None else _list(wanted)
        node_rows(list(dict.fromkeys(nodes)), wanted, column, line="column")
        lost = next(((n, c) for n in wanted for c in channels if (n, c) not in place), None)
        if lost is not None:
            raise GraphError(
                column,
                f"the node {lost[0]!r} has no channel {lost[1]!r}",
                expected=f"channels {', '.join(map(repr, channels))}",
            )
        if len(place) > len(wanted) * len(channels):
            extra = next(c for c in kinds if c not in channels)
            raise GraphError(
                column,
                "a column belongs to no channel",
                expected=f"one of {', '.join(map(repr, channels))}",
                got=repr(extra),
            )
        order = [place[n, c] for n in wanted for c in channels]
        shape: tuple[int, ...] = (len(frame), len(wanted), len(channels))
        found: tuple[str, ...] | None = tuple(channels)
    else:
        if channels is not None and len(channels) != 1:
            raise GraphError(
                column,
                "the columns have no channels",
                expected=f"a MultiIndex of (node, channel), channels {', '.join(channels)}",
                got=f"{frame.shape[1]} plain columns",
            )
        wanted = label_values(frame.columns, column).tolist() if wanted is None else _list(wanted)
        order = node_rows(frame.columns, wanted, column, line="column").tolist()
        shape, found = (len(frame), len(order), 1), None
    return WideTable(times, _numbers(frame, order, column).reshape(shape), found, wanted)


def match_tables(
    nodes: dict[str, Any],
    signals: dict[str, Any],
    node_names: Any,
    num_events: int,
    clock: dict[str, Any],
    class_names: Any,
) -> tuple[dict[str, Any], Any, dict[str, Any], Any, dict[str, Any]]:
    """Tables that come to a graph of ids: matched to ``node_names`` by label.

    A table with a default index is taken as an array. Without ``node_names`` and events, the
    columns of a signal name the nodes; its index of dates gives ``signal_t``, which is put into
    ``signals`` with the signal.

    Returns:
        Node columns, names of the nodes, clock, names of classes and names of columns.

    Raises:
        GraphError: A table names its rows, and the graph does not name its nodes; or it does not
            fit them.
    """
    from graphkit.data.convert.labels import MappedNodes
    from graphkit.data.convert.table_nodes import node_column

    signal = signals.get("signal")
    wide = is_labelled(signal, columns=True)
    if wide and node_names is None and not num_events:
        node_names = wide_table(signal, None).labels
    classes, columns = dict(class_names or {}), {}
    mapped = MappedNodes(np.empty(0), np.empty(0), node_names)
    for key, value in nodes.items():
        if is_labelled(value) and node_names is None and not _in_order(labels_of(value)):
            raise _nameless(key)
        if isinstance(value, (pd.DataFrame, pd.Series)):
            value, found, called = node_column(value, key, mapped, classes.get(key), None)
            classes |= {} if found is None else {key: found}
            columns |= {} if called is None else {key: called}
        nodes = nodes | {key: value}
    if wide:
        if node_names is None and not _in_order(signal.columns):
            raise _nameless("signal")
        wanted = np.arange(signal.shape[1]) if node_names is None else node_names
        table = wide_table(signal, wanted)
        signals["signal"] = table.values
        columns |= {} if table.channels is None else {"signal": table.channels}
        if table.times is not None and signals.get("signal_t") is None:
            times = read_times(table.times, "signal_t", clock["time_unit"], clock["time_zone"])
            signals["signal_t"] = times.values
            dates = clock["dates"] or times.dates
            clock = clock | {"dates": dates, "time_zone": times.zone or clock["time_zone"]}
    return nodes, node_names, clock, classes, columns


def _in_order(labels: pd.Index) -> bool:
    """Whether labels are the ids ``0..N-1``, in any order."""
    if isinstance(labels, pd.MultiIndex) or not pd.api.types.is_integer_dtype(labels.dtype):
        return False
    return np.array_equal(np.sort(labels.to_numpy()), np.arange(len(labels)))


def _nameless(column: str) -> GraphError:
    return GraphError(
        column,
        "the table names its nodes, and the graph does not",
        expected="node_names beside it",
        got="labels without ids",
        fix=f"Pass node_names=[...] too, or {column}=table.to_numpy() if it is in order of id.",
    )


def _time_column(frame: pd.DataFrame, time: Any) -> Any:
    if time is None:
        return None
    if isinstance(frame.columns, pd.MultiIndex):
        return next((c for c in frame.columns if c[0] == time and c[1] in ("", None)), None)
    return time if time in frame.columns else None


def _numbers(frame: pd.DataFrame, order: list[int], column: str) -> np.ndarray:
    for place, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind) or kind.kind == "c":
            raise GraphError(
                column,
                f"the readings of {frame.columns[place]!r} are not numbers",
                expected="numbers; NaN where a reading is missing",
                got=str(kind),
            )
    chosen = frame.iloc[:, order]
    kinds = {str(kind) for kind in chosen.dtypes}
    if any(kind[:1].isupper() for kind in kinds):  # nullable types of pandas
        return chosen.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.ascontiguousarray(chosen.to_numpy())


def _list(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)
