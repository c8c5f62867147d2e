"""Graphs on disk: a directory of arrays that is mapped, or one table.

A directory holds one ``.npy`` file per column and ``graph.json``, which says what must be there,
with checksums. Opening it maps the files into memory, so that a graph larger than memory works, and
looks through them once, a piece at a time; with ``verify=False`` pages are read when they are
touched. Files ending in ``.parquet`` or ``.arrow`` hold the events as one table for other programs;
see :mod:`graphkit.data.tables`.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphkit import renamed
from graphkit.data.columns import (
    EVENT_COLUMNS,
    NODE_COLUMNS,
    SIGNAL_COLUMNS,
    Columns,
    NodeEvents,
    Tables,
)
from graphkit.data.names import facts_from_json, facts_to_json, tuples
from graphkit.data.time_unit import TimeUnit
from graphkit.data.verify import named
from graphkit.data.verify import verify as check_columns
from graphkit.errors import GraphError
from graphkit.files import whole_directory, whole_file
from graphkit.json_record import opened, read_json, sealed

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["open_graph", "save"]

SCHEMA = "graphkit.graph/1"
_FACTS = "graph.json"
_CHUNK = 1 << 24  # rows written at a time where a column is not stored but counted


def save(graph: TemporalGraph, path: str | os.PathLike[str]) -> None:
    """Write a graph to disk. It appears when it is complete, or not at all.

    Args:
        graph: Any graph. Of a slice only its own rows are written; events are numbered anew.
        path: A directory, which may hold an older graph, or a file ``*.parquet`` or ``*.arrow``
            (extra ``scale``) if the graph has nothing but events.

    Raises:
        GraphError: Something else is at ``path``; a node label is neither text nor a number; or
            the graph has columns that a single table cannot hold.
        MissingPackageError: A table is asked for and pyarrow is missing.
    """
    from graphkit.data.labels import labels_to_json

    path = Path(path)
    if path.suffix in (".parquet", ".arrow"):
        from graphkit.data.tables import write_table

        with whole_file(path) as part:
            write_table(graph, part)
        return
    if path.exists() and not (path / _FACTS).is_file():
        raise GraphError(
            "path",
            f"'{path}' is there and is no graph",
            fix="Choose another name, or delete it first.",
        )
    arrays = _arrays(graph)
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "num_nodes": graph.num_nodes,
        "name": graph.name,
        **facts_to_json(graph),
        "node_names": labels_to_json(graph.node_names),
        "recordings": {
            name: None if isinstance(column, Tensor) else labels_to_json(column)
            for name, column in graph.recordings.items()
        },
        "arrays": {
            key: {"dtype": _dtype_name(value), "shape": list(value.shape)}
            for key, value in arrays.items()
        },
    }
    facts["arrays"]["event_id"] = {"dtype": "int64", "shape": [len(graph)]}
    with whole_directory(path) as part:
        for key, value in arrays.items():
            _write(part / f"{key}.npy", value)
        _write_count(part / "event_id.npy", len(graph))
        for key, told in facts["arrays"].items():
            told["sha256"] = _digest(part / f"{key}.npy")
        text = json.dumps(sealed(facts), indent=1)
        (part / _FACTS).write_text(text, encoding="utf-8")


def open_graph(
    path: str | os.PathLike[str], *, mmap: bool = True, verify: bool | None = None
) -> TemporalGraph:
    """Open a graph that :func:`save` wrote.

    Args:
        path: The directory, or the ``.parquet`` or ``.arrow`` file.
        mmap: Map the files instead of reading them (a Parquet file is always read). Writing into
            a mapped column changes neither the file nor other processes.
        verify: By default every column is read once and checked as when a graph is built: order,
            ranges, finiteness. ``True`` compares checksums too, which notices every change;
            ``False`` reads nothing, for files that are known to be whole.

    Warns:
        UserWarning: ``verify=True``, and the graph was written by a version without checksums.

    Raises:
        GraphError: There is no graph at ``path``, it was written by a newer version, or files are
            missing, damaged or not those of a graph. The message names the file.
        MissingPackageError: The file is a table and pyarrow is missing.
    """
    path = Path(path)
    if path.is_file() and path.suffix in (".parquet", ".arrow"):
        from graphkit.data.tables import read_table

        return read_table(path, mmap, verify)
    read = _read_facts(path)
    with named(path / _FACTS):
        told = _told_arrays(read)
    found = {}
    for key, one in told.items():
        file = path / f"{key}.npy"
        if verify:
            check_digest(one, file, lambda file=file: _digest(file))
        found[key] = _read(file, one, mmap)
    with named(path / _FACTS):
        facts = renamed.stored("TemporalGraph", read)
        columns = assemble(facts, renamed.stored("TemporalGraph", found))
    if verify is not False:
        check_columns(columns, path)
    return as_graph(columns)


def assemble(facts: dict[str, Any], found: dict[str, Tensor]) -> Columns:
    """Columns as they are in a file, and what describes them."""
    from graphkit.data.labels import labels_from_json

    changes = {k.partition(".")[2]: found.pop(k) for k in [*found] if k.startswith("node_events.")}
    recordings = {
        name: found.pop(f"recordings.{name}") if text is None else labels_from_json(text)
        for name, text in facts.get("recordings", {}).items()
    }
    events = {name: found.get(name) for name in EVENT_COLUMNS}
    told = facts_from_json(facts)
    return Columns(
        num_nodes=facts["num_nodes"],
        time_unit=TimeUnit(facts["time_unit"]),
        name=facts["name"],
        column_names=tuples(told.get("column_names")),
        class_names=tuples(told.get("class_names")),
        dates=told["dates"],
        time_zone=told.get("time_zone"),
        node_names=labels_from_json(facts["node_names"]),
        node_events=NodeEvents(**changes) if changes else None,
        recordings=recordings or None,
        tables=Tables(**events),
        **found,
    )


def as_graph(columns: Columns) -> TemporalGraph:
    """The graph of columns that need no check."""
    from graphkit.data.temporal_graph import TemporalGraph

    return TemporalGraph._of(columns)


def check_digest(told: dict[str, Any], path: Path, digest: Callable[[], str]) -> None:
    """Compare a checksum with the one that was written.

    Raises:
        GraphError: They differ.
    """
    if "sha256" not in told:
        warnings.warn(
            f"'{path}' was written by a version without checksums: they are not compared",
            stacklevel=4,
        )
    elif digest() != told["sha256"]:
        raise GraphError(
            path.stem,
            f"the file '{path}' is damaged: its content is not what was written",
            fix="Save it again.",
        )


def as_tensor(array: np.ndarray, dtype: str) -> Tensor:
    """An array as a tensor that shares its memory; bfloat16, which numpy lacks, from its bits."""
    value = torch.from_numpy(array)
    return value.view(torch.bfloat16) if dtype == "bfloat16" else value


def as_array(value: Tensor) -> np.ndarray:
    """A tensor as an array; bfloat16 as its bits."""
    value = value.detach().cpu()
    return (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy()


def _arrays(graph: TemporalGraph) -> dict[str, Tensor]:
    names = ("src", "dst", "t", *EVENT_COLUMNS, *NODE_COLUMNS, "node_space", *SIGNAL_COLUMNS)
    arrays = {name: getattr(graph, name) for name in names}
    if graph.node_events is not None:
        changes = graph.node_events
        arrays |= {f"node_events.{f.name}": getattr(changes, f.name) for f in fields(changes)}
    arrays |= {f"recordings.{n}": v for n, v in graph.recordings.items() if isinstance(v, Tensor)}
    return {name: value for name, value in arrays.items() if value is not None}


def _dtype_name(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _write(path: Path, value: Tensor) -> None:
    np.save(path, as_array(value), allow_pickle=False)


def _write_count(path: Path, stop: int) -> None:
    """``0 .. stop - 1``, without holding all of it."""
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.int64, shape=(stop,))
    for start in range(0, stop, _CHUNK):
        file[start : start + _CHUNK] = np.arange(start, min(start + _CHUNK, stop))
    file.flush()


def _digest(path: Path) -> str:
    hasher = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 22):
                hasher.update(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return hasher.hexdigest()


def _told_arrays(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What ``graph.json`` says of the files beside it, whose names are those of columns."""
    arrays = facts["arrays"]
    for key, told in arrays.items():
        if not all(part.isidentifier() for part in key.split(".")):
            raise ValueError(f"{key!r} is no column")
        shape, dtype = told["shape"], told["dtype"]
        if not isinstance(dtype, str) or not isinstance(getattr(torch, dtype, None), torch.dtype):
            raise ValueError(f"{dtype!r} is no type of numbers")
        if not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"{shape!r} is no shape")
    return arrays


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = opened(read_json(path / _FACTS), path / _FACTS)
        schema = str(facts["schema"])
    except (OSError, KeyError) as error:
        raise GraphError(
            "path",
            f"there is no graph at '{path}' ({type(error).__name__})",
            expected=f"a directory with {_FACTS}, or a .parquet or .arrow file",
            fix="Write one with g.save(path).",
        ) from error
    check_schema(schema, path)
    return facts


def check_schema(schema: str, path: Path) -> None:
    """Raise unless this version can read what is at ``path``."""
    if schema != SCHEMA:
        raise GraphError(
            "path",
            f"'{path}' was written in another format",
            expected=SCHEMA,
            got=schema,
            fix="Open it with the version of graphkit that wrote it.",
        )


def _read(path: Path, told: dict[str, Any], mmap: bool) -> Tensor:
    empty = 0 in told["shape"]  # nothing to map
    try:
        array = np.load(path, mmap_mode="c" if mmap and not empty else None, allow_pickle=False)
    except Exception as error:  # numpy parses the header as Python
        raise _unreadable(path, error) from error
    stored = "int16" if told["dtype"] == "bfloat16" else told["dtype"]
    if str(array.dtype) != stored or list(array.shape) != told["shape"]:
        raise GraphError(
            path.stem,
            f"the file '{path}' is not what {_FACTS} tells",
            expected=f"{stored} {told['shape']}",
            got=f"{array.dtype} {list(array.shape)}",
            fix="Save it again.",
        )
    return as_tensor(array, told["dtype"])


def _unreadable(path: Path, error: Exception) -> GraphError:
    return GraphError(
        path.stem, f"the file '{path}' is missing or damaged ({error})", fix="Save it again."
    )
