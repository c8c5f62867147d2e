"""The events of a graph as one Parquet or Arrow file (extra ``scale``).

The columns are plain: ``src``, ``dst``, ``t`` and the edge columns, of several axes as lists of
fixed length. What a table cannot hold (number of nodes, time unit, labels) is in its metadata.
"""

from __future__ import annotations

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
from graphkit.errors import GraphError, require

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
            name: {"dtype": str(v.dtype).removeprefix("torch."), "shape": list(v.shape[1:])}
            for name, v in columns.items()
        },
    }
    table = pa.table({name: _arrow(pa, value) for name, value in columns.items()})
    table = table.replace_schema_metadata({_META: json.dumps(facts)})
    if path.suffix == ".parquet":
        require("pyarrow.parquet", extra="scale").write_table(table, path)
        return
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)  # uncompressed and in one piece, so that it can be mapped


def read_table(path: Path, mmap: bool) -> TemporalGraph:
    """Read or map what :func:`write_table` wrote; see :func:`graphkit.data.storage.open_graph`."""
    from graphkit.data.temporal_graph import TemporalGraph

    pa = require("pyarrow", extra="scale")
    base = 0
    try:
        if path.suffix == ".parquet":
            table = require("pyarrow.parquet", extra="scale").read_table(path)
        else:
            with pa.memory_map(str(path)) as source:
                whole = source.read_buffer()
            base = whole.address
            table = pa.ipc.open_file(whole).read_all()
    except (pa.ArrowException, OSError) as error:
        raise GraphError(
            "path", f"'{path}' is damaged or no table ({error})", fix="Save it again."
        ) from error
    facts = _facts(table, path)
    space = facts.get("node_space")
    space = None if space is None else torch.tensor(space, dtype=torch.bool)
    if path.suffix == ".arrow" and mmap and table.num_rows:
        found = {
            name: _mapped(path, base, table.column(name).chunk(0), told, table.num_rows)
            for name, told in facts["columns"].items()
        }
        found["event_id"] = torch.arange(table.num_rows)
        if space is not None:
            found["node_space"] = space
        return storage.assemble(facts, found)
    found = {
        name: _read(table.column(name).combine_chunks(), told)
        for name, told in facts["columns"].items()
    }
    return TemporalGraph(  # checked again: other programs can write such files
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
    facts = json.loads(text)
    storage.check_schema(facts["schema"], path)
    missing = [name for name in facts["columns"] if name not in table.column_names]
    if missing:
        raise GraphError(
            missing[0], f"'{path}' lacks this column", expected=f"one of {table.column_names}"
        )
    return facts


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
    return storage.as_tensor(array.reshape(shape), told["dtype"])


def _mapped(path: Path, base: int, chunk: Any, told: dict[str, Any], rows: int) -> Tensor:
    """A column as a map of its place in the file."""
    if told["dtype"] == "bool" or 0 in told["shape"]:  # bits, or nothing: cannot be mapped
        return _read(chunk, told)
    if told["shape"]:
        chunk = chunk.flatten()
    dtype = np.dtype("int16" if told["dtype"] == "bfloat16" else told["dtype"])
    place = chunk.buffers()[-1].address - base + chunk.offset * dtype.itemsize
    array = np.memmap(path, dtype, mode="c", offset=place, shape=(rows, *told["shape"]))
    return storage.as_tensor(array, told["dtype"])
