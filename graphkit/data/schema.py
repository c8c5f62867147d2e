"""What a table of events must look like to go with a graph, without the graph.

An :class:`EventSchema` keeps the names, types and classes of a graph's event columns and its clock.
With the :class:`~graphkit.data.labels.Labels` of its nodes it reads tables that came later: by
name, in any order of columns, in any unit that converts exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.columns import EVENT_COLUMNS
from graphkit.data.convert.classes import class_ids
from graphkit.data.convert.table_columns import numeric_column
from graphkit.data.inputs import check_finite
from graphkit.data.labels import Labels
from graphkit.data.schema_times import Clock
from graphkit.data.source_table import SourceTable
from graphkit.data.temporal_graph import TemporalGraph
from graphkit.errors import GraphError

__all__ = ["EventColumn", "EventSchema", "EventTable", "as_dtype"]


@dataclass(frozen=True)
class EventColumn:
    """What is known of one event column.

    Attributes:
        names: Names of its source columns, one per value of a row.
        shape: Shape of one row: ``()`` for one value.
        dtype: Type of the values, such as ``"float32"``.
        classes: Names of the classes, or ``None`` if the values are numbers.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    classes: tuple[Any, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The facts as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> EventColumn:
        """What :meth:`to_json` kept, also after it went through JSON text."""
        classes = saved["classes"]
        return cls(
            tuple(saved["names"]),
            tuple(saved["shape"]),
            saved["dtype"],
            None if classes is None else tuple(classes),
        )


@dataclass(frozen=True, eq=False)
class EventTable:
    """Events that were read from a table, in order of time (ties in order of rows).

    Attributes:
        src: int64 ``[E]``, ids by the labels.
        dst: int64 ``[E]``.
        t: int64 or float64 ``[E]`` in ticks of the schema, or ``None`` if the table has no times.
        order: int64 ``[E]``: event ``i`` is row ``order[i]`` of the table.
        edge_attr, edge_weight, edge_type, edge_y: Columns that were needed, ``[E, ...]``.
        new: Labels that were admitted, by id.
        ignored: Names of columns of the table that were not read.
        index: The index of the table, in the order of its own rows.
    """

    src: Tensor
    dst: Tensor
    t: Tensor | None
    order: Tensor
    edge_attr: Tensor | None = None
    edge_weight: Tensor | None = None
    edge_type: Tensor | None = None
    edge_y: Tensor | None = None
    new: tuple[Any, ...] = ()
    ignored: tuple[Any, ...] = ()
    index: pd.Index | None = None

    def __len__(self) -> int:
        return self.src.numel()

    def in_rows(self, values: Tensor) -> Tensor:
        """One value per event, put in the order of the table's own rows."""
        out = torch.empty_like(values)
        out[self.order.to(values.device)] = values
        return out


@dataclass(frozen=True)
class EventSchema:
    """Names, types and classes of a graph's event columns, and its clock.

    Attributes:
        src: Name of the column of sources.
        dst: Name of the column of destinations.
        t: Name of the column of times; ``None`` if the graph was built without one.
        clock: Unit, type and zone of the times.
        columns: The event columns by ``"edge_attr"``, ``"edge_weight"``, ``"edge_type"``,
            ``"edge_y"``.
        bipartite: Whether sources and destinations have separate labels.
    """

    src: str = "src"
    dst: str = "dst"
    t: str | None = "t"
    clock: Clock = field(default_factory=Clock)
    columns: dict[str, EventColumn] = field(default_factory=dict)
    bipartite: bool = False

    @classmethod
    def of(cls, graph: TemporalGraph) -> EventSchema:
        """The schema of a graph. Columns without names are called as in ``to_pandas``."""
        names = graph.column_names
        columns = {}
        for key in EVENT_COLUMNS:
            if (value := getattr(graph, key)) is not None:
                shape = tuple(value.shape[1:])
                plain = [f"{key}_{i}" for i in range(math.prod(shape))] if shape else [key]
                columns[key] = EventColumn(
                    tuple(names.get(key, plain)),
                    shape,
                    str(value.dtype).removeprefix("torch."),
                    graph.class_names.get(key),
                )
        timeless = "src" in names and "t" not in names and graph.is_static and not graph.t_min
        return cls(
            names.get("src", ("src",))[0],
            names.get("dst", ("dst",))[0],
            None if timeless else names.get("t", ("t",))[0],
            Clock.of(graph),
            columns,
            graph.node_space is not None,
        )

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that describe an event: all that the graph has but its labels."""
        return tuple(key for key in self.columns if key != "edge_y")

    def read(
        self,
        table: Any,
        *,
        labels: Labels,
        admit: bool = False,
        need: Sequence[str] | None = None,
        time: str = "required",
        time_unit: str | None = None,
    ) -> EventTable:
        """Read a table of events by the names of its columns.

        Args:
            table: A DataFrame, a ``pyarrow.Table`` or a :class:`~graphkit.TemporalGraph`. Columns
                are found by name, in any order; those that are not needed are ignored.
            labels: The labels of the nodes. With ``admit`` new ones are added to it.
            admit: Give labels that are not known the next ids, in order of time, and within an
                event the source first; otherwise they are refused. Nothing is admitted if the
                table is refused.
            need: Columns that must be there, of ``"edge_attr"``, ``"edge_weight"``,
                ``"edge_type"``, ``"edge_y"``; by default :attr:`features`.
            time: ``"required"``, ``"optional"`` or ``"none"`` (not read).
            time_unit: Unit of times that are numbers; by default that of the table's graph if
                ``to_pandas`` wrote it, else the schema's.

        Raises:
            GraphError: A column is missing, not numeric or of another width; a value is missing; a
                class, a label or a time does not fit. The message names column and row.
        """
        if time not in ("required", "optional", "none"):
            raise GraphError(
                "time", "unknown", expected="'required', 'optional' or 'none'", got=repr(time)
            )
        source = SourceTable.of(table, self)
        need = self.features if need is None else tuple(need)
        unknown = next((key for key in need if key not in self.columns), None)
        if unknown is not None:
            raise GraphError(
                unknown,
                "the graph has no such column",
                expected=f"one of {', '.join(self.columns) or 'none'}",
            )
        ends = [source.column(self.src, "src"), source.column(self.dst, "dst")]
        found = {key: self._read_column(source, key) for key in need}
        t = self._read_times(source, time, time_unit)
        rows = np.arange(len(source)) if t is None else np.argsort(t, kind="stable")
        before = len(labels)
        src, dst = labels.match(
            [end.iloc[rows] for end in ends], [self.src, self.dst], admit=admit, rows=rows
        )
        order = torch.from_numpy(rows.astype(np.int64))
        return EventTable(
            torch.from_numpy(src),
            torch.from_numpy(dst),
            None if t is None else torch.from_numpy(np.require(t[rows], requirements=["C", "W"])),
            order,
            new=tuple(labels.labels(range(before, len(labels)))),
            ignored=source.ignored(),
            index=source.frame.index,
            **{key: value[order] for key, value in found.items()},
        )

    # ---------------------------------------------------------------- JSON
    def to_json(self) -> dict[str, Any]:
        """The schema as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> EventSchema:
        """What :meth:`to_json` kept, also after it went through JSON text."""
        columns = {key: EventColumn.from_json(told) for key, told in saved["columns"].items()}
        return cls(**(saved | {"columns": columns, "clock": Clock(**saved["clock"])}))

    # ---------------------------------------------------------------- parts of read
    def _read_times(
        self, source: SourceTable, time: str, time_unit: str | None
    ) -> np.ndarray | None:
        if self.t is None:
            kind = np.int64 if self.clock.dtype == "int64" else np.float64
            return np.zeros(len(source), dtype=kind)
        if time == "none" or (time == "optional" and not source.has(self.t, "t")):
            return None
        column = source.column(self.t, "t")
        return self.clock.read(column, self.t, time_unit or source.time_unit)

    def _read_column(self, source: SourceTable, key: str) -> Tensor:
        told = self.columns[key]
        dtype = getattr(torch, told.dtype)
        if told.classes is not None:
            column = source.column(told.names[0], key)
            ids = source.class_ids(column, key, told.classes)
            return torch.from_numpy(
                class_ids(column, told.names[0], told.classes) if ids is None else ids
            ).to(dtype)
        arrays = []
        for name in told.names:
            column = source.column(name, key)
            frame = column.reset_index(drop=True).rename(name).to_frame()
            arrays.append(as_dtype(numeric_column(frame, name), dtype, name))
        if not arrays:
            return torch.zeros((len(source), *told.shape), dtype=dtype)
        value = torch.stack(arrays, dim=1)
        return value.reshape(len(source), *told.shape)


def as_dtype(value: np.ndarray, dtype: torch.dtype, name: str) -> Tensor:
    """Numbers of a column in the type that the graph has; only floats may be rounded."""
    given = torch.from_numpy(np.require(value, requirements=["C", "W"]))
    out = given.to(dtype)
    if dtype.is_floating_point:
        check_finite(out, name)  # a number may also be too large for the type
    if given.is_floating_point() and dtype.is_floating_point:
        return out
    limit = int(2 / torch.finfo(dtype).eps) if dtype.is_floating_point else None
    lost = given.abs() > limit if limit is not None else out.to(given.dtype) != given
    if given.dtype != torch.bool and bool(lost.any()):
        row = int(lost.nonzero()[0, 0])
        raise GraphError(
            name,
            f"a value does not fit in {str(dtype).removeprefix('torch.')}",
            row=row,
            got=given[row].item(),
            fix="The column had this type in the graph that the schema is of.",
        )
    return out
