"""What a table of nodes must look like to go with a graph, without the graph."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.convert.classes import class_ids
from graphkit.data.convert.node_tables import labels_of
from graphkit.data.convert.table_columns import find_column, numeric_column
from graphkit.data.label_values import label_values
from graphkit.data.schema import EventColumn, as_dtype
from graphkit.data.temporal_graph import TemporalGraph
from graphkit.errors import GraphError

__all__ = ["NodeSchema", "NodeTable"]


class NodeTable(NamedTuple):
    """Rows of a table of nodes, in the table's own order.

    Attributes:
        labels: The label of every row.
        columns: The columns that were needed: tensors ``[rows, ...]`` by ``"x"``, ``"y"``,
            ``"node_type"``.
        ignored: Names of columns that were not read.
    """

    labels: list[Any]
    columns: dict[str, Tensor]
    ignored: tuple[Any, ...]


@dataclass(frozen=True)
class NodeSchema:
    """Names, types and classes of a graph's node columns.

    Attributes:
        columns: The static node columns by ``"x"``, ``"y"``, ``"node_type"``.
    """

    columns: dict[str, EventColumn] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: TemporalGraph) -> NodeSchema:
        """The schema of a graph. Columns without names are called as in ``to_pandas``."""
        columns = {}
        for key in ("x", "y", "node_type"):
            if (value := getattr(graph, key)) is not None:
                shape = tuple(value.shape[1:])
                plain = [f"{key}_{i}" for i in range(math.prod(shape))] if shape else [key]
                columns[key] = EventColumn(
                    tuple(graph.column_names.get(key, plain)),
                    shape,
                    str(value.dtype).removeprefix("torch."),
                    graph.class_names.get(key),
                )
        return cls(columns)

    def read(
        self, table: pd.DataFrame, *, need: tuple[str, ...] = ("x",), label: Any = None
    ) -> NodeTable:
        """Read a table of nodes by the names of its columns.

        Args:
            table: One row per node; its index holds the labels, or the column ``label``.
            need: Columns that must be there, of ``"x"``, ``"y"``, ``"node_type"``.
            label: Name of the column of labels.

        Raises:
            GraphError: A column is missing, not numeric, or has a missing value; a class is
                unknown; two rows have one label.
        """
        if not isinstance(table, pd.DataFrame):
            raise GraphError("nodes", "not a DataFrame", got=type(table).__name__)
        given = labels_of(table) if label is None else find_column(table, label)
        labels = label_values(given, str(label or "index")).tolist()
        twice = pd.Index(labels, tupleize_cols=False).duplicated()
        if twice.any():
            row = int(np.argmax(twice))
            raise GraphError("nodes", "two rows have one label", row=row, got=repr(labels[row]))
        frame = table.reset_index(drop=True)
        by_text = {str(column): column for column in frame.columns}
        read = {label}
        columns = {}
        for key in need:
            if key not in self.columns:
                raise GraphError(
                    key,
                    "the graph has no such column",
                    expected=f"one of {', '.join(self.columns) or 'none'}",
                )
            told = self.columns[key]
            places = [by_text.get(name, name) for name in told.names]
            read.update(places)
            columns[key] = _column(frame, places, told)
        ignored = tuple(column for column in frame.columns if column not in read)
        return NodeTable(labels, columns, ignored)

    def to_json(self) -> dict[str, Any]:
        """The schema as values that JSON can hold."""
        return {"columns": {key: column.to_json() for key, column in self.columns.items()}}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> NodeSchema:
        """What :meth:`to_json` kept, also after it went through JSON text."""
        return cls({key: EventColumn.from_json(v) for key, v in saved["columns"].items()})


def _column(frame: pd.DataFrame, places: list[Any], told: EventColumn) -> Tensor:
    dtype = getattr(torch, told.dtype)
    if told.classes is not None:
        column = find_column(frame, places[0])
        return torch.from_numpy(class_ids(column, told.names[0], told.classes)).to(dtype)
    arrays = [
        as_dtype(numeric_column(frame, place), dtype, name)
        for place, name in zip(places, told.names)
    ]
    value = torch.stack(arrays, dim=1) if arrays else torch.zeros((len(frame), 0), dtype=dtype)
    return value.reshape(len(frame), *told.shape)
