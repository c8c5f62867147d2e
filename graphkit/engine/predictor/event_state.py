"""Base class of the states of event predictors: reading of tables, and addition of new nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.data.labels import Labels
from graphkit.data.node_schema import NodeSchema
from graphkit.data.schema import EventSchema, EventTable
from graphkit.data.source_table import SourceTable
from graphkit.errors import GraphError

__all__ = ["EventState", "device_of"]


class EventState:
    """A model with the labels of its nodes and the columns and time unit of its tables.

    Subclasses implement :meth:`_accept`, which handles new events and new nodes.

    Args:
        model: The model; its state is part of this object.
        schema: Schema of event tables.
        labels: Labels of the nodes.
        nodes: Schema of node tables.
    """

    def __init__(
        self, model: nn.Module, schema: EventSchema, labels: Labels, nodes: NodeSchema
    ) -> None:
        self.model, self.schema, self.labels, self.nodes = model, schema, labels, nodes

    def facts(self) -> dict[str, Any]:
        """Return everything except the tensors, as JSON values."""
        return {
            "schema": self.schema.to_json(),
            "nodes": self.nodes.to_json(),
            "labels": self.labels.to_json(),
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors except those of the model."""
        raise NotImplementedError

    # ---------------------------------------------------------------- times
    def times(self, source: SourceTable, time_unit: str | None) -> np.ndarray:
        """Return the times of a table in ticks, in the order of its rows."""
        name = self.schema.t
        return self.schema.clock.read(source.column(name, "t"), name, time_unit or source.time_unit)

    def on_time(self, t: np.ndarray, limit: Any, late: str, problem: str, fix: str) -> np.ndarray:
        """Return a boolean per row: whether the event is at ``limit`` or later.

        Raises:
            GraphError: An event is earlier, and ``late`` is not ``"drop"``.
        """
        early = t < limit
        if late != "drop" and early.any():
            raise self.early(t, limit, self.schema.t, problem, fix)
        return ~early

    def early(self, t: np.ndarray, limit: Any, column: Any, problem: str, fix: str) -> GraphError:
        """Create the error for a time that is earlier than ``limit``."""
        row = int(np.argmax(t < limit))
        return GraphError(
            column,
            problem,
            row=row,
            expected=f"{self.written(limit)} or later",
            got=str(self.written(t[row])),
            fix=fix,
        )

    def written(self, ticks: Any) -> Any:
        """Convert a time in ticks to the format of the source."""
        return self.schema.clock.write_one(ticks)

    # ---------------------------------------------------------------- later events
    def admit(
        self,
        table: pd.DataFrame,
        nodes: pd.DataFrame | None,
        time_unit: str | None,
        need: tuple[str, ...],
        time: str = "required",
    ) -> EventTable:
        """Read events and add their new nodes; nothing is changed if an error is raised."""
        known = len(self.labels)
        try:
            events = self.schema.read(
                table, labels=self.labels, admit=True, need=need, time=time, time_unit=time_unit
            )
            self._check_kinds(events.new)
            self._accept(events, known, nodes)
        except BaseException:
            self.labels.forget(known)
            raise
        return events

    def _check_kinds(self, new: Sequence[Any]) -> None:
        """Refuse new labels that equal known labels of another type, such as ``"7"`` and 7."""
        for label in new:
            twin = _of_other_kind(label)
            if (
                twin is not None
                and max(*self.labels.places([twin], 0), *self.labels.places([twin], 1)) >= 0
            ):
                raise GraphError(
                    "labels",
                    f"a new node is called {label!r}, and {twin!r} is known",
                    expected=f"labels of one type, such as {type(twin).__name__}",
                    got=type(label).__name__,
                    fix="Read the column in the type that it had in training, or name new nodes "
                    "otherwise.",
                )

    def _accept(self, events: EventTable, known: int, nodes: pd.DataFrame | None) -> None:
        """Check events and add their new nodes.

        Args:
            events: The events.
            known: Number of known labels, which is the id of the first new one.
            nodes: Features of new nodes.
        """
        raise NotImplementedError

    def _growing(self, label: Any, example: str) -> Any:
        """Return the method of the model that adds new nodes."""
        grow = getattr(self.model, "grow", None)
        if grow is None:
            raise GraphError(
                self.schema.src,
                f"{type(self.model).__name__} cannot take in new nodes",
                got=repr(label),
                fix=f"Give the model a method {example}, or leave these events out.",
            )
        return grow

    def _features_of(self, new: list[Any], nodes: pd.DataFrame | None) -> Tensor:
        """Read the features of new nodes from a table of nodes, ``[new nodes, ...]``."""
        if nodes is None:
            raise GraphError(
                "nodes",
                f"new nodes need features, which {type(self.model).__name__} reads",
                got=f"no table for {', '.join(map(repr, new[:3]))}",
                fix="observe(table, nodes=features), one row per new node, labels in the index.",
            )
        read = self.nodes.read(nodes, need=("x",))
        place = {label: row for row, label in enumerate(read.labels)}
        lost = [label for label in new if label not in place]
        if lost:
            raise GraphError(
                "nodes",
                "a new node has no row of features",
                got=", ".join(map(repr, lost[:3])),
                fix="Add a row for it; the index holds the labels.",
            )
        return read.columns["x"][[place[label] for label in new]]

    # ---------------------------------------------------------------- answers
    def asked(self, source: SourceTable) -> dict[str, pd.Series]:
        """Return the columns that identify the queries of a table: source, destination, and time
        if the table has times."""
        keys = {"src": self.schema.src, "dst": self.schema.dst}
        if self.schema.t is not None and source.has(self.schema.t, "t"):
            keys["t"] = self.schema.t
        return {name: source.column(name, key) for key, name in keys.items()}


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model."""
    for value in (*model.parameters(), *model.buffers()):
        return value.device
    return torch.device("cpu")


def _of_other_kind(label: Any) -> Any:
    """Convert an integer to its text and the text of an integer to that integer; otherwise return
    ``None``."""
    if isinstance(label, int):
        return str(label)
    if isinstance(label, str) and label.lstrip("-").isdecimal() and str(int(label)) == label:
        return int(label)
    return None
