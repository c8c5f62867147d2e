"""State of a snapshot predictor, and its update with tables of later events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.data.labels import Labels
from graphkit.data.node_schema import NodeSchema
from graphkit.data.schema import EventColumn, EventSchema, EventTable
from graphkit.data.source_table import SourceTable
from graphkit.engine.predictor.closed_steps import Steps
from graphkit.engine.predictor.event_state import EventState
from graphkit.engine.predictor.observed_pairs import ObservedPairs
from graphkit.errors import GraphError

__all__ = ["OpenStep", "SnapshotState"]

_LATE = ("raise", "drop")
_GAP = 100_000  # consecutive empty steps above which a wrong time unit is more likely
_LATE_FIX = "late='drop' leaves such events out; a step that is closed cannot change."


class OpenStep(NamedTuple):
    """The step that has not been closed yet.

    Attributes:
        number: Number of the step, counted from the start of the training data.
        start: Start of the step in the time format of the source.
        end: End of the step (exclusive).
        events: Number of events in the step so far.
    """

    number: int
    start: Any
    end: Any
    events: int


class SnapshotState(EventState):
    """The steps of a snapshot model with the labels of its nodes and the columns of its tables.

    Args:
        steps: The closed steps and the open step.
        schema: Schema of event tables.
        labels: Labels of the nodes.
        nodes: Schema of node tables.
        changing: Whether node features change over time.
        met: Pairs with an event so far, and all destinations; ``None`` for predictors without
            recommendations.
    """

    def __init__(
        self,
        steps: Steps,
        schema: EventSchema,
        labels: Labels,
        nodes: NodeSchema,
        changing: bool,
        met: ObservedPairs | None,
    ) -> None:
        super().__init__(steps.model, schema, labels, nodes)
        self.steps, self.changing, self.met = steps, changing, met

    @classmethod
    def of_task(
        cls, model: nn.Module, task: Any, before: str | None, recommends: bool
    ) -> SnapshotState:
        """Create the state after the steps of the timeline of a task.

        Args:
            model: The model. A carried state is recomputed with the current parameters.
            task: The task.
            before: Close only the steps that are available at the first query of this subset; by
                default all steps of the timeline are closed.
            recommends: Whether to store the pairs with an event.
        """
        graph, steps = task.graph, Steps.of_task(model, task, before)
        moves = graph.node_events is not None and graph.node_events.x is not None
        changing, met = steps.x is not None and moves, None
        if recommends:
            begin = torch.tensor(steps.start, dtype=graph.t.dtype)
            known = graph[: int(torch.searchsorted(graph.t, begin))]
            met = ObservedPairs.of(graph, [known], _both_ways(steps, graph.node_space is not None))
        schema, nodes = EventSchema.of(graph), _node_schema(graph, changing)
        return cls(steps, schema, Labels.of(graph), nodes, changing, met)

    # ---------------------------------------------------------------- on disk
    def facts(self) -> dict[str, Any]:
        """Return everything except the tensors, as JSON values."""
        return {**super().facts(), "steps": self.steps.facts(), "changing": self.changing}

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors except those of the model."""
        return self.steps.tensors() | ({} if self.met is None else self.met.tensors())

    @classmethod
    def restored(
        cls, model: nn.Module, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> SnapshotState:
        """Restore the output of :meth:`facts` and :meth:`tensors` for a model."""
        schema, labels = EventSchema.from_json(facts["schema"]), Labels.from_json(facts["labels"])
        clock, met = getattr(torch, schema.clock.dtype), None
        steps = Steps.restored(model, facts["steps"], tensors, clock)
        if "destinations" in tensors:
            both = _both_ways(steps, schema.bipartite)
            met = ObservedPairs.restored(tensors, len(labels), clock, both)
        nodes = NodeSchema.from_json(facts["nodes"])
        return cls(steps, schema, labels, nodes, facts["changing"], met)

    def copy(self) -> SnapshotState:
        """Return an independent copy that shares the parameters of the model and leaves out
        ``met``."""
        steps, labels = self.steps.copy(), self.labels.copy()
        return SnapshotState(steps, self.schema, labels, self.nodes, self.changing, None)

    # ---------------------------------------------------------------- later events
    def open_step(self) -> OpenStep:
        """The open step."""
        steps = self.steps
        held = len(steps.pending["t"]) if steps.pending else 0
        return OpenStep(steps.number, self.written(steps.start), self.written(steps.end), held)

    def in_time(self, source: SourceTable, late: str, time_unit: str | None) -> np.ndarray:
        """Return a boolean per row: whether the event is not in a closed step."""
        check_choice(late, "late", _LATE)
        if not len(source):
            return np.ones(0, dtype=bool)
        problem = f"an event lies before step {self.steps.number}, in one that is closed"
        t = self.times(source, time_unit)
        return self.on_time(t, self.steps.start, late, problem, _LATE_FIX)

    def observe(
        self, table: pd.DataFrame, nodes: pd.DataFrame | None, time_unit: str | None
    ) -> tuple[EventTable, int]:
        """Add events of the open step or later; return them and the number of closed steps."""
        events = self.admit(table, nodes, time_unit, self.steps.needed())
        first, last = self.steps_of(events)
        closed = self.change(nodes, first)
        if len(events):
            self.add(events)
            closed += self.steps.close_until(last)
        return events, closed

    def change(self, nodes: pd.DataFrame | None, number: int) -> int:
        """Change node features from step ``number`` on; return the number of steps closed."""
        found = self._changes(nodes)
        if found is None:
            return 0
        closed = self.steps.close_until(number)
        self.steps.x = self.steps.x.index_copy(0, *found)
        return closed

    def add(self, events: EventTable, rows: Any = slice(None)) -> None:
        """Add events to the open step and later steps.

        Args:
            events: Admitted events. Events without times belong to the open step; events without
                classes are allowed only in the step that is closed last and count as class 0.
            rows: Rows of ``events`` to add.
        """
        new = {"src": events.src[rows], "dst": events.dst[rows]}
        if events.t is None:
            start, dtype = self.steps.start.item(), self.steps.time_dtype
            new["t"] = torch.full((len(new["src"]),), start, dtype=dtype)
        else:
            new["t"] = events.t[rows]
        for name in self.steps.needed():
            told = getattr(events, name)
            new[name] = torch.zeros_like(new["src"]) if told is None else told[rows]
        self.steps.add(new)
        if self.met is not None:
            self.met.insert(new["src"], new["dst"], new["t"])

    def steps_of(self, events: EventTable) -> tuple[int, int]:
        """Return the steps of the first and the last event."""
        if events.t is None or not len(events):
            return self.steps.number, self.steps.number
        return self.steps.number_of(events.t[0]), self.steps.number_of(events.t[-1])

    def _accept(self, events: EventTable, known: int, nodes: pd.DataFrame | None) -> None:
        self._check_gap(events)
        self._check_changes(events, nodes, known)
        count = len(self.labels)
        if count == known:
            return
        new = self.labels.labels(range(known, count))
        grow = self._growing(new[0], "grow(num_nodes, x, steps)")
        x = None
        if self.steps.x is not None:
            x = self._features_of(new, nodes).to(self.steps.x)
            if self.changing:  # a node without a value yet; it gets its value in its step
                x = torch.zeros_like(x)
        self.steps.grow(count, x, grow)
        if self.met is not None:
            self.met.grow(count)

    def _check_gap(self, events: EventTable) -> None:
        """Raise if events would create an implausible number of empty steps."""
        _, last = self.steps_of(events)
        if len(events) and events.t is not None:
            self.steps.prepare.borders.at(last, last + 1)  # refuses times without a step
        if not self.steps.prepare.skip_empty and last - self.steps.number > _GAP + len(events):
            raise GraphError(
                self.schema.t,
                f"an event lies {last - self.steps.number} steps after the open one",
                row=int(events.order[-1]),
                expected=f"at most {_GAP} steps without an event at once",
                got=str(self.written(events.t[-1].item())),
                fix="Is this the unit of its times? If so, close(at=...) passes the steps before.",
            )

    # ---------------------------------------------------------------- features that change
    def _changes(self, nodes: pd.DataFrame | None) -> tuple[Tensor, Tensor] | None:
        """Return ids and new features of the nodes of a table, if features change over time."""
        if nodes is None or not self.changing:
            return None
        read = self.nodes.read(nodes, need=("x",))
        ids = torch.tensor(self._ids(read.labels), dtype=torch.int64)
        return ids[ids >= 0], read.columns["x"][ids >= 0].to(self.steps.x)

    def _check_changes(self, events: EventTable, nodes: pd.DataFrame | None, known: int) -> None:
        found = self._changes(nodes)
        if found is None or not len(events) or not bool((found[0] < known).any()):
            return
        if self.labels.space is not None:
            raise GraphError("nodes", "a label may be a source and a destination here")
        first, last = self.steps_of(events)
        if first != last:
            raise GraphError(
                "nodes",
                "features that change belong to one step, and the events are of several",
                expected=f"events of step {first}",
                got=f"steps {first} to {last}",
                fix="Observe the events of each step with the features of that step.",
            )

    def _ids(self, labels: list[Any]) -> list[int]:
        """Return the ids of labels, -1 for unknown labels."""
        if self.labels.named:
            return [max(found) for found in zip(*(self.labels.places(labels, s) for s in (0, 1)))]
        whole = (isinstance(label, int) and 0 <= label < len(self.labels) for label in labels)
        return [label if known else -1 for label, known in zip(labels, whole)]


def _both_ways(steps: Steps, bipartite: bool) -> bool:
    """Whether sources are also destinations: in a symmetric graph with one id space."""
    return steps.prepare.symmetric and not bipartite


def _node_schema(graph: TemporalGraph, changing: bool) -> NodeSchema:
    """Return the schema of node columns; features that change over time replace static ones."""
    found = NodeSchema.of(graph)
    if not changing:
        return found
    x = graph.node_events.x
    shape = tuple(x.shape[1:])
    static = found.columns.get("x")
    names = tuple(f"x_{i}" for i in range(x[0].numel())) if shape else ("x",)
    if static is not None and static.shape == shape:
        names = static.names
    told = EventColumn(names, shape, str(x.dtype).removeprefix("torch."))
    return NodeSchema({**found.columns, "x": told})
