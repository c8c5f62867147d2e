"""A table that a schema reads: its columns by name, and which of them were read."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graphkit.data.convert.classes import class_ids
from graphkit.data.temporal_graph import TemporalGraph
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.schema import EventSchema

__all__ = ["SourceTable"]


class SourceTable:
    """A DataFrame with the names that a schema uses.

    A table that :meth:`TemporalGraph.to_pandas` wrote, and a graph, call their columns ``src``,
    ``edge_attr_0``, ...: these are matched by the names that their own graph keeps.
    """

    def __init__(self, frame: pd.DataFrame, schema: EventSchema) -> None:
        if frame.columns.has_duplicates:
            twice = frame.columns[frame.columns.duplicated()][0]
            raise GraphError(str(twice), "several columns have this name", fix="Rename them.")
        self.frame = frame
        self._meta = frame.attrs.get("graphkit", {})
        self._by_text = {str(column): column for column in frame.columns}
        self._standard = self._standard_names(schema)
        self._read: set[Any] = set()

    @classmethod
    def of(cls, table: Any, schema: EventSchema) -> SourceTable:
        """A DataFrame, ``pyarrow.Table`` or graph as a source.

        Raises:
            GraphError: Something else, or without rows.
        """
        if isinstance(table, TemporalGraph):
            table = table.to_pandas()
        elif type(table).__module__.startswith("pyarrow") and hasattr(table, "to_pandas"):
            table = table.to_pandas(integer_object_nulls=True)  # an id never passes through float
        if not isinstance(table, pd.DataFrame):
            raise GraphError(
                "table",
                "not a table of events",
                expected="a DataFrame, a pyarrow.Table or a TemporalGraph",
                got=type(table).__name__,
            )
        return cls(table, schema)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def time_unit(self) -> str | None:
        """The unit of times that are numbers, if the table tells it."""
        return self._meta.get("time_unit")

    def has(self, name: str, key: str) -> bool:
        """Whether there is a column of this name."""
        return self._place(name, key) is not None

    def column(self, name: str, key: str) -> pd.Series:
        """The column of this name.

        Raises:
            GraphError: There is none; the message lists those at hand.
        """
        place = self._place(name, key)
        if place is None:
            close = difflib.get_close_matches(name, list(self._by_text), n=1)
            raise GraphError(
                name,
                f"the table has no such column, which is '{key}' of the graph",
                expected=f"{name!r} among {', '.join(map(repr, self.frame.columns))}",
                fix=f"Did you mean {close[0]!r}?" if close else "Rename its columns.",
            )
        self._read.add(place)
        return self.frame[place]

    def class_ids(self, column: pd.Series, key: str, known: tuple[Any, ...]) -> np.ndarray | None:
        """Classes by number in a table that ``to_pandas`` wrote; ``None`` in any other."""
        told = self._meta.get("columns", {}).get(key)
        if told is None or column.name not in told["names"]:
            return None
        names = self._meta.get("class_names", {}).get(key)
        if names is None or column.isna().any() or (column < 0).any():
            names, ids = known, column.to_numpy()
            wrong = ~((ids >= 0) & (ids < len(known)))
            if wrong.any():
                row = int(np.argmax(wrong))
                raise GraphError(
                    str(column.name), "there is no such class", row=row,
                    expected=f"0 to {len(known) - 1}", got=ids[row].item(),
                )  # fmt: skip
        by_number = np.array(list(names), dtype=object)
        return class_ids(pd.Series(by_number[column.to_numpy()]), str(column.name), known)

    def ignored(self) -> tuple[Any, ...]:
        """Columns that were not read."""
        return tuple(column for column in self.frame.columns if column not in self._read)

    def _place(self, name: str, key: str) -> Any:
        if name in self._by_text:
            return self._by_text[name]
        return self._standard.get((key, name))

    def _standard_names(self, schema: EventSchema) -> dict[tuple[str, str], Any]:
        """Columns of a table that ``to_pandas`` wrote, by the schema's names."""
        if not self._meta:
            return {}
        called = self._meta.get("column_names", {})
        wanted = {"src": (schema.src,), "dst": (schema.dst,), "t": (schema.t,)}
        wanted |= {key: column.names for key, column in schema.columns.items()}
        written = {"src": ["src"], "dst": ["dst"], "t": ["t"]}
        written |= {key: told["names"] for key, told in self._meta.get("columns", {}).items()}
        found = {}
        for key, names in wanted.items():
            here = written.get(key, [])
            own = called.get(key, names)
            if set(here) <= set(self.frame.columns) and len(own) == len(here):
                found |= {(key, name): column for name, column in zip(own, here)}
        return found
