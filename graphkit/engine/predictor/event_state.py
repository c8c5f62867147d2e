"""What predictors of events share: how tables are read, and how new nodes come in."""

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
    """A model with the labels of its nodes and the columns and clock of its tables.

    A class of its own says in :meth:`_accept` what new events and nodes mean.

    Args:
        model: The model; its state is part of this one.
        schema: How tables of events are read.
        labels: Labels of the nodes.
        nodes: How tables of nodes are read.
    """

    def __init__(
        self, model: nn.Module, schema: EventSchema, labels: Labels, nodes: NodeSchema
    ) -> None:
        self.model, self.schema, self.labels, self.nodes = model, schema, labels, nodes

    def facts(self) -> dict[str, Any]:
        """What is plain of it, as values that JSON holds."""
        return {
            "schema": self.schema.to_json(),
            "nodes": self.nodes.to_json(),
            "labels": self.labels.to_json(),
        }

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors but the model's."""
        raise NotImplementedError

    # ---------------------------------------------------------------- times
    def times(self, source: SourceTable, time_unit: str | None) -> np.ndarray:
        """The times of a table in ticks, in the order of its rows."""
        name = self.schema.t
        return self.schema.clock.read(source.column(name, "t"), name, time_unit or source.time_unit)

    def on_time(self, t: np.ndarray, limit: Any, late: str, problem: str, fix: str) -> np.ndarray:
        """bool, one per row: the events that are at ``limit`` or later.

        Raises:
            GraphError: One is earlier, and ``late`` is not ``"drop"``.
        """
        early = t < limit
        if late != "drop" and early.any():
            raise self.early(t, limit, self.schema.t, problem, fix)
        return ~early

    def early(self, t: np.ndarray, limit: Any, column: Any, problem: str, fix: str) -> GraphError:
        """The error about times of which one is earlier than ``limit``."""
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
        """A time as the source has it."""
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
        """Read events and make room for their new nodes; all or nothing."""
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
        """Refuse new labels that are known ones of another type: ``"7"`` where 7 is known."""
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
        """Refuse events or make room for their new nodes.

        Args:
            events: The events.
            known: Number of the first new label.
            nodes: Features of new nodes.
        """
        raise NotImplementedError

    def _growing(self, label: Any, example: str) -> Any:
        """The method of the model that makes room for new nodes."""
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
        """``[new nodes, ...]`` features out of a table of nodes."""
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
        """The columns of a table that answers are about: source, destination, time if there."""
        keys = {"src": self.schema.src, "dst": self.schema.dst}
        if self.schema.t is not None and source.has(self.schema.t, "t"):
            keys["t"] = self.schema.t
        return {name: source.column(name, key) for key, name in keys.items()}


def device_of(model: nn.Module) -> torch.device:
    """Where a model is."""
    for value in (*model.parameters(), *model.buffers()):
        return value.device
    return torch.device("cpu")


def _of_other_kind(label: Any) -> Any:
    """The text of a whole number, the whole number that a text spells; ``None`` for others."""
    if isinstance(label, int):
        return str(label)
    if isinstance(label, str) and label.lstrip("-").isdecimal() and str(int(label)) == label:
        return int(label)
    return None
