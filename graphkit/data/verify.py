"""Whether columns that come from files are those of a graph: one pass, a piece at a time.

The conditions are those under which a :class:`~graphkit.TemporalGraph` is built, so a file that was
written by :meth:`~graphkit.TemporalGraph.save` meets them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphkit.checks import check_count
from graphkit.data.columns import EVENT_COLUMNS, NODE_COLUMNS, Columns
from graphkit.data.inputs import (
    as_features,
    as_labels,
    as_times,
    as_types,
    check_ids,
    check_length,
    first_row,
)
from graphkit.data.names import as_class_names, as_column_names, as_time_zone, check_dates
from graphkit.data.recordings import as_recordings, as_signal_recording
from graphkit.errors import GraphError

__all__ = ["named", "verify"]

_VALUES = 1 << 22  # looked at together
_FIX = "Save the graph again, or get another copy."


def verify(columns: Columns, path: Path) -> None:
    """Check order, ranges, shapes and finiteness of every column.

    Args:
        columns: As they were read or mapped.
        path: Where they come from, for messages.

    Raises:
        GraphError: A column is not that of a graph. Names the file, the column and the row.
    """
    with named(path):
        _verify(columns)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Add the file to errors about its content, and turn any other into one."""
    try:
        yield
    except GraphError as error:
        if str(path) in str(error):
            raise
        raise GraphError(
            error.column,
            f"{error.problem}, in the file '{path}'",
            row=error.row,
            expected=error.expected,
            got=error.got,
            fix=_FIX,
        ) from error
    except (
        KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RuntimeError
    ) as error:  # fmt: skip
        raise GraphError(
            "path", f"'{path}' is damaged ({type(error).__name__}: {error})", fix=_FIX
        ) from error


def _verify(c: Columns) -> None:
    count = check_count(c.num_nodes, "num_nodes")
    if c.name is not None and not isinstance(c.name, str):
        raise GraphError("name", "not text", got=repr(c.name))
    rows = len(c.src)
    for name in ("src", "dst"):
        ids = _vector(getattr(c, name), name, rows, torch.int64)
        _each(ids, name, lambda piece, name=name: check_ids(piece, name, count))
    _clock(c.t, "t", rows)
    order = _vector(c.event_id, "event_id", rows, torch.int64)
    _counts(order, "event_id")
    for name in EVENT_COLUMNS:
        _features(getattr(c, name), name, rows, "src", typed=name == "edge_type")
    if c.edge_weight is not None and c.edge_weight.dim() != 1:
        raise GraphError("edge_weight", "weights form one column", got=list(c.edge_weight.shape))
    for name in NODE_COLUMNS:
        _features(getattr(c, name), name, count, "num_nodes", typed=name == "node_type")
    _space(c, count)
    if c.node_names is not None:
        as_labels(c.node_names, "node_names", count, c.node_space)
    _node_events(c, count)
    _signal(c, count)
    if rows == 0 and c.node_events is None and c.signal is None:
        raise GraphError("src", "the graph is empty")
    _facts(c)


def _facts(c: Columns) -> None:
    """Names, classes, zone and dates: as they are checked when a graph is built."""
    table = {name: getattr(c, name) for name in (*EVENT_COLUMNS, *NODE_COLUMNS, "signal")}
    labels = {f"recordings.{key}": column for key, column in (c.recordings or {}).items()}
    changes = c.node_events
    if changes is not None:
        table |= {k: getattr(changes, k) for k in ("x", "y") if table[k] is None}
    as_column_names(c.column_names, table)
    y = tuple(v for v in (c.y, None if changes is None else changes.y) if v is not None)
    as_class_names(c.class_names, labels | {"edge_y": c.edge_y, "y": y or None})
    as_time_zone(c.time_zone)
    clocks = [c.t, c.signal_t, None if changes is None else changes.t]
    check_dates(c.dates or c.time_zone is not None, c.time_unit, clocks)


def _node_events(c: Columns, count: int) -> None:
    if c.node_events is None:
        return
    changes = {f.name: getattr(c.node_events, f.name) for f in fields(c.node_events)}
    rows = len(changes["node"])
    node = _vector(changes["node"], "node_events.node", rows, torch.int64)
    _each(node, "node_events.node", lambda p: check_ids(p, "node_events.node", count))
    _clock(changes["t"], "node_events.t", rows)
    for name in ("x", "y"):
        _features(changes[name], f"node_events.{name}", rows, "node_events.node")


def _signal(c: Columns, count: int) -> None:
    if c.signal is None:
        rest = (c.signal_t, c.signal_mask, c.signal_recording, c.recordings)
        if any(value is not None for value in rest):
            raise GraphError("signal", "what belongs to a signal is there without it")
        return
    if c.signal.dim() != 3 or c.signal.shape[1] != count:
        raise GraphError(
            "signal", "not a signal", expected=f"[T, {count}, C]", got=list(c.signal.shape)
        )
    steps = len(c.signal)
    _features(c.signal, "signal", steps, "signal_t")
    if c.signal_t is None:
        raise GraphError("signal_t", "there are no times of the signal")
    _clock(c.signal_t, "signal_t", steps, strictly=True)
    mask = c.signal_mask
    if mask is not None:
        shapes = (c.signal.shape, (*c.signal.shape[:2], 1))
        if mask.dtype != torch.bool or mask.shape not in shapes:
            raise GraphError(
                "signal_mask", "not a mask of the signal", got=f"{mask.dtype} {list(mask.shape)}"
            )
    if c.signal_recording is not None:
        _vector(c.signal_recording, "signal_recording", steps, torch.int64)
    as_signal_recording(c.signal_recording, steps)
    as_recordings(c.recordings, c.signal_recording)


def _space(c: Columns, count: int) -> None:
    space = c.node_space
    if space is None:
        return
    _vector(space, "node_space", count, torch.bool)
    for name, ids, side in (("src", c.src, False), ("dst", c.dst, True)):

        def check(piece: Tensor, name: str = name, side: bool = side) -> None:
            wrong = space[piece] != side
            if bool(wrong.any()):
                raise GraphError(name, "a node is in the other space", row=first_row(wrong))

        _each(ids, name, check)


def _clock(t: Tensor, name: str, rows: int, *, strictly: bool = False) -> None:
    _vector(t, name, rows, torch.int64, torch.float64)
    last: list[Tensor] = []

    def check(piece: Tensor) -> None:
        as_times(piece, name)
        before = torch.cat([*last, piece[:-1]])
        after = piece if last else piece[1:]
        falls = after <= before if strictly else after < before
        if bool(falls.any()):
            row = first_row(falls) + (0 if last else 1)
            raise GraphError(name, "times are not sorted", row=row, got=piece[row].item())
        last[:] = [piece[-1:].clone()]

    _each(t, name, check)


def _counts(order: Tensor, name: str) -> None:
    start = [0]

    def check(piece: Tensor) -> None:
        wrong = piece != torch.arange(start[0], start[0] + len(piece))
        if bool(wrong.any()):
            raise GraphError(name, "events are not numbered in order", row=first_row(wrong))
        start[0] += len(piece)

    _each(order, name, check)


def _features(
    value: Tensor | None, name: str, rows: int, like: str, *, typed: bool = False
) -> None:
    if value is None:
        return
    check_length(name, value.shape[0] if value.dim() else 0, rows, like)
    if typed:
        _vector(value, name, rows, torch.int64)
    check = as_types if typed else as_features
    if typed or value.is_floating_point():
        _each(value, name, lambda piece: check(piece, name, len(piece), like))


def _vector(value: Any, name: str, rows: int, *dtypes: torch.dtype) -> Tensor:
    if value.dtype not in dtypes or value.shape != (rows,):
        kinds = " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        got = f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
        raise GraphError(name, "not such a column", expected=f"{kinds} [{rows}]", got=got)
    return value


def _each(value: Tensor, name: str, check: Callable[[Tensor], Any]) -> None:
    """Check a column piece by piece; rows in errors count from its beginning."""
    width = max(1, value[0].numel()) if len(value) else 1
    step = max(1, _VALUES // width)
    for start in range(0, len(value), step):
        try:
            check(value[start : start + step])
        except GraphError as error:
            if error.row is None or start == 0:
                raise
            raise GraphError(
                error.column,
                error.problem,
                row=error.row + start,
                expected=error.expected,
                got=error.got,
            ) from error
