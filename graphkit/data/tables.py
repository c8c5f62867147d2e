"""The events of a graph as one Parquet or Arrow file (extra ``scale``).

The columns are plain: ``src``, ``dst``, ``t`` and the edge columns, of several axes as lists of
fixed length. What a table cannot hold (number of nodes, time unit, labels) is in its metadata.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data import storage
from graphkit.data.columns import EVENT_COLUMNS
from graphkit.data.labels import labels_from_json, labels_to_json
from graphkit.data.names import facts_from_json, facts_to_json
from graphkit.data.storage import check_digest
from graphkit.data.verify import named
from graphkit.data.verify import verify as check_columns
from graphkit.errors import GraphError, MissingPackageError, require
from graphkit.json_record import opened, sealed

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["read_table", "write_table"]

_META = b"graphkit"


def write_table(graph: TemporalGraph, path: Path) -> None:
    """Write the events as one table; see :func:`graphkit.data.storage.save`."""
    pa = require("pyarrow", extra="scale")
    rest = ("x", "y", "node_type", "node_events", "signal")
    lost = [name for name in rest if getattr(graph, name) is not None]
    if lost:
        raise GraphError(
            lost[0],
            f"a single table has no place for {', '.join(lost)}",
            expected="a graph of nothing but events",
            fix="Save to a directory: g.save('name') writes every column.",
        )
    names = ("src", "dst", "t", *EVENT_COLUMNS)
    columns = {name: v for name in names if (v := getattr(graph, name)) is not None}
    facts = {
        "schema": storage.SCHEMA,
        "num_nodes": graph.num_nodes,
        "name": graph.name,
        **facts_to_json(graph),
        "node_names": labels_to_json(graph.node_names),
        "node_space": None if graph.node_space is None else graph.node_space.int().tolist(),
        "columns": {
            name: {
                "dtype": str(v.dtype).removeprefix("torch."),
                "shape": list(v.shape[1:]),
                "sha256": _digest(v),
            }
            for name, v in columns.items()
        },
    }
    table = pa.table({name: _arrow(pa, value) for name, value in columns.items()})
    table = table.replace_schema_metadata({_META: json.dumps(sealed(facts))})
    if path.suffix == ".parquet":
        require("pyarrow.parquet", extra="scale").write_table(table, path)
        return
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)  # uncompressed and in one piece, so that it can be mapped


def read_table(path: Path, mmap: bool, verify: bool | None = None) -> TemporalGraph:
    """Read or map what :func:`write_table` wrote; see :func:`graphkit.data.storage.open_graph`.

    Other programs may have written the file anew, in another order, in pieces or with other types:
    what is not as it was written is read instead of mapped, and checked.
    """
    pa = require("pyarrow", extra="scale")
    reach = range(0)
    try:
        if path.suffix == ".parquet":
            table = require("pyarrow.parquet", extra="scale").read_table(path)
        else:
            with pa.memory_map(str(path)) as source:
                whole = source.read_buffer()
            reach = range(whole.address, whole.address + whole.size)
            table = pa.ipc.open_file(whole).read_all()
            table.validate(full=True)
    except MissingPackageError:
        raise
    except Exception as error:  # Arrow and Thrift each raise their own
        raise GraphError(
            "path", f"'{path}' is damaged or no table ({error})", fix="Save it again."
        ) from error
    with named(path):
        facts = _facts(table, path)
        mapped = path.suffix == ".arrow" and mmap and table.num_rows > 0
        found = {
            name: _column(path, table.column(name), told, reach if mapped else None)
            for name, told in facts["columns"].items()
        }
        if verify:
            for name, told in facts["columns"].items():
                check_digest(told, path, lambda name=name: _digest(found[name]))
        space = facts.get("node_space")
        if space is not None:
            space = torch.tensor(space).to(torch.bool)
        if mapped:
            found["event_id"] = torch.arange(table.num_rows)
            if space is not None:
                found["node_space"] = space
            columns = storage.assemble(facts, found)
            if verify is not False:
                check_columns(columns, path)
            return storage.as_graph(columns)
        return _built(facts, found, space)


def _built(facts: dict[str, Any], found: dict[str, Tensor], space: Tensor | None) -> TemporalGraph:
    """A graph that is built anew, which checks it: other programs can write such files."""
    from graphkit.data.temporal_graph import TemporalGraph

    return TemporalGraph(
        num_nodes=facts["num_nodes"],
        node_names=labels_from_json(facts["node_names"]),
        node_space=space,
        **facts_from_json(facts),
        **found,
    )


def _facts(table: Any, path: Path) -> dict[str, Any]:
    text = (table.schema.metadata or {}).get(_META)
    if text is None:
        raise GraphError(
            "path",
            f"'{path}' is a table that graphkit did not write",
            fix="Read it with pandas and name its columns: "
            "TemporalGraph.from_pandas(pandas.read_parquet(path), src=..., dst=..., time=...).",
        )
    facts = opened(json.loads(text), path)
    storage.check_schema(facts["schema"], path)
    missing = [name for name in facts["columns"] if name not in table.column_names]
    if missing:
        raise GraphError(
            missing[0], f"'{path}' lacks this column", expected=f"one of {table.column_names}"
        )
    return facts


def _column(path: Path, column: Any, told: dict[str, Any], reach: range | None) -> Tensor:
    """A column: a map of its place in the file where it lies there as it was written."""
    if column.null_count and 0 not in told["shape"]:
        raise GraphError("path", f"a value is missing in column {column!r:.40}")
    if reach is not None and column.num_chunks == 1:
        found = _mapped(path, reach, column.chunk(0), told)
        if found is not None:
            return found
    chunk = column.combine_chunks()
    chunk = chunk.combine_chunks() if hasattr(chunk, "combine_chunks") else chunk
    return _read(chunk, told)


def _digest(value: Tensor) -> str:
    return hashlib.sha256(storage.as_array(value.contiguous()).tobytes()).hexdigest()


def _arrow(pa: Any, value: Tensor) -> Any:
    flat = storage.as_array(value).reshape(-1)
    if value.dim() == 1:
        return pa.array(flat)
    width = math.prod(value.shape[1:])
    if width == 0:
        return pa.nulls(len(value))
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), width)


def _read(chunk: Any, told: dict[str, Any]) -> Tensor:
    rows = len(chunk)
    shape = (rows, *told["shape"])
    if 0 in shape:
        return torch.zeros(shape, dtype=getattr(torch, told["dtype"]))
    if told["shape"]:
        chunk = chunk.flatten()
    array = chunk.to_numpy(zero_copy_only=False).copy()
    dtype = _stored(told)
    if array.dtype != dtype:
        with np.errstate(invalid="ignore"):
            as_written = array.astype(dtype)
        if not np.array_equal(as_written.astype(array.dtype), array):
            raise GraphError(
                "path",
                "values of a column do not fit in its type",
                expected=str(dtype),
                got=str(array.dtype),
            )
        array = as_written
    return storage.as_tensor(array.reshape(shape), told["dtype"])


def _mapped(path: Path, reach: range, chunk: Any, told: dict[str, Any]) -> Tensor | None:
    """A column as a map of its place in the file, ``None`` if it has no such place there."""
    shape = (len(chunk), *told["shape"])
    if told["dtype"] == "bool" or 0 in shape:  # bits, or nothing: cannot be mapped
        return None
    if told["shape"]:
        chunk = chunk.flatten()
    dtype = _stored(told)
    size = math.prod(shape)
    if len(chunk) != size or chunk.type.to_pandas_dtype() != dtype.type:
        return None
    start = chunk.buffers()[-1].address + chunk.offset * dtype.itemsize
    if start not in reach or start + size * dtype.itemsize - 1 not in reach:  # it was compressed
        return None
    array = np.memmap(path, dtype, mode="c", offset=start - reach.start, shape=shape)
    return storage.as_tensor(array, told["dtype"])


def _stored(told: dict[str, Any]) -> np.dtype:
    return np.dtype("int16" if told["dtype"] == "bfloat16" else told["dtype"])
