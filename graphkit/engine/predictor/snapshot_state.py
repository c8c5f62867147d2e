"""What a predictor of snapshots keeps: the steps that are closed, and the open one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.data import TemporalGraph
from graphkit.data.labels import Labels
from graphkit.data.node_schema import NodeSchema
from graphkit.data.schema import EventColumn, EventSchema, EventTable
from graphkit.data.source_table import SourceTable
from graphkit.engine.passes import reset_state
from graphkit.engine.predictor.event_state import EventState, device_of
from graphkit.engine.predictor.met_pairs import MetPairs
from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.snapshot import Snapshot
from graphkit.tasks.snapshot_input import SnapshotInput
from graphkit.tasks.snapshot_steps import Step

__all__ = ["OpenStep", "SnapshotState"]

_LATE = ("raise", "drop")
_STEPS = 512  # steps that are cut at a time
_LATE_FIX = "late='drop' leaves such events out; a step that is closed cannot change."


class OpenStep(NamedTuple):
    """The step that later events fall into.

    Attributes:
        number: Counted from the beginning of the training data.
        start: Where it begins, as the source writes times.
        end: Where it ends; that time belongs to the next step.
        events: Events that it holds so far.
    """

    number: int
    start: Any
    end: Any
    events: int


class SnapshotState(EventState):
    """A snapshot model with what prepares its steps, and the events of the open step.

    The carried state, if the model has one, has gone through all closed steps but those that the
    model is shown, as in a :class:`~graphkit.tasks.snapshot_timeline.Timeline`.

    Args:
        model: The model; its carried state is part of this one.
        schema: How tables of events are read.
        labels: Labels of the nodes.
        nodes: How tables of nodes are read.
        prepare: Closed steps and what is needed of them.
        facts: ``carries``: whether the model's state is carried along; ``carried``: steps that it
            has gone through; ``changing``: whether features of nodes change with time.
        pending: Events of the open step: ``src``, ``dst``, ``t``, and ``edge_y`` where classes of
            edges are features.
        x: Features of the nodes from now on, where the model reads those of the graph.
        met: Pairs that have met, and all destinations; ``None`` where nothing is recommended.
    """

    def __init__(
        self,
        model: nn.Module,
        schema: EventSchema,
        labels: Labels,
        nodes: NodeSchema,
        prepare: SnapshotInput,
        facts: Mapping[str, Any],
        pending: Mapping[str, Tensor],
        x: Tensor | None,
        met: MetPairs | None,
    ) -> None:
        super().__init__(model, schema, labels, nodes)
        self.prepare, self.pending, self.x, self.met = prepare, dict(pending), x, met
        self.carries, self.changing = bool(facts["carries"]), bool(facts["changing"])
        self.carried = int(facts["carried"])
        self._shown: list[Snapshot] | None = None

    @classmethod
    def of_task(
        cls, model: nn.Module, task: Any, before: str | None, recommends: bool
    ) -> SnapshotState:
        """The state after steps of a task's timeline.

        Args:
            model: The model. A carried state is made again, by its present parameters.
            task: The task.
            before: Close the steps that are known when the first question of this subset is asked;
                all steps of the timeline if ``None``.
            recommends: Keep which pairs have met.
        """
        timeline, graph = task.timeline, task.graph
        closed = len(timeline)
        if before is not None:
            closed = timeline.steps(before, 0).start + task.ahead
        past = timeline.input_before(closed)
        # Classes of edges are what is asked for: they are read only where they are features.
        prepare = SnapshotInput(**{**past.settings(), "labels": False})
        prepare.load_state_dict(past.state_dict())
        carries = timeline.mode == "carry" and hasattr(model, "observe")
        carried = max(0, closed - timeline.reach) if carries else 0
        if carries:
            reset_state(model)
            for snapshot in timeline.snapshots()[:carried]:
                model.observe(snapshot.to(device_of(model)))
        reads_x = prepare.features == "x"
        changing = reads_x and graph.node_events is not None and graph.node_events.x is not None
        facts = {"carries": carries, "carried": carried, "changing": changing}
        met = None
        if recommends:
            (end,) = prepare.borders.at(int(prepare.next_step), int(prepare.next_step))
            known = graph[
                : int(torch.searchsorted(graph.t, torch.tensor(end, dtype=graph.t.dtype)))
            ]
            met = MetPairs.of(graph, [known], _both_ways(prepare, graph.node_space is not None))
        return cls(
            model,
            EventSchema.of(graph),
            Labels.of(graph),
            _node_schema(graph, changing),
            prepare,
            facts,
            {},
            timeline.cut[closed - 1].x if reads_x else None,
            met,
        )

    # ---------------------------------------------------------------- on disk
    def facts(self) -> dict[str, Any]:
        """All of it but the tensors, as values that JSON holds."""
        return {
            **super().facts(),
            "input": self.prepare.settings(),
            "carries": self.carries,
            "carried": self.carried,
            "changing": self.changing,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors but the model's."""
        found = {f"input.{name}": value for name, value in self.prepare.state_dict().items()}
        found |= {f"open.{name}": value for name, value in self.pending.items()}
        if self.x is not None:
            found["x"] = self.x
        return found | ({} if self.met is None else self.met.tensors())

    @classmethod
    def restored(
        cls, model: nn.Module, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> SnapshotState:
        """What :meth:`facts` and :meth:`tensors` kept, around a model."""
        schema, labels = EventSchema.from_json(facts["schema"]), Labels.from_json(facts["labels"])
        prepare = SnapshotInput(**facts["input"])
        prepare.load_state_dict(_below(tensors, "input."))
        met = None
        if "destinations" in tensors:
            clock = getattr(torch, schema.clock.dtype)
            both = _both_ways(prepare, schema.bipartite)
            met = MetPairs.restored(tensors, len(labels), clock, both)
        nodes, pending = NodeSchema.from_json(facts["nodes"]), _below(tensors, "open.")
        return cls(model, schema, labels, nodes, prepare, facts, pending, tensors.get("x"), met)

    def copy(self) -> SnapshotState:
        """One that goes its own way; parameters of the model are shared."""
        other = object.__new__(SnapshotState)
        other.__dict__.update(self.__dict__)
        shared = {id(p): p for p in self.model.parameters()}
        other.model = copy.deepcopy(self.model, shared)
        other.prepare, other.labels = copy.deepcopy(self.prepare), self.labels.copy()
        other.pending, other.met = dict(self.pending), None
        other._shown = None if self._shown is None else list(self._shown)
        return other

    # ---------------------------------------------------------------- what the model is given
    def window(self) -> list[Snapshot]:
        """The snapshots of the last closed steps, oldest first, where the model is."""
        device = device_of(self.model)
        if self._shown is None:
            self._shown = list(self.prepare.window())
        if any(snapshot.self_coef.device != device for snapshot in self._shown):
            self._shown = [snapshot.to(device) for snapshot in self._shown]
        return self._shown

    # ---------------------------------------------------------------- steps
    @property
    def number(self) -> int:
        """The number of the open step."""
        return int(self.prepare.next_step)

    @property
    def start(self) -> Any:
        """Where the open step begins, in ticks."""
        return self.prepare.borders.at(self.number, self.number)[0]

    def open_step(self) -> OpenStep:
        """The open step."""
        start, end = self.prepare.borders.at(self.number, self.number + 1)
        held = len(self.pending["t"]) if self.pending else 0
        return OpenStep(self.number, self.written(start), self.written(end), held)

    def numbers(self, t: np.ndarray) -> np.ndarray:
        """int64, the step that each of some times lies in."""
        values, place = np.unique(t, return_inverse=True)
        steps = [self.prepare.borders.number_of(value) for value in values.tolist()]
        return np.array(steps, dtype=np.int64)[place]

    def close_until(self, number: int) -> int:
        """Close the steps before step ``number``; how many had a snapshot of their own."""
        closed = 0
        while (first := self.number) < number:
            if self.prepare.skip_empty and not self.pending:
                self.prepare.pass_to(number)
                break
            stop = min(number, first + _STEPS)
            end = self.prepare.borders.at(stop, stop)[0].item()
            here = self.pending["t"] < end if self.pending else torch.zeros(0, dtype=torch.bool)
            steps = self.prepare.cut(self._graph(here), stop=stop)
            self.pending = {k: v[~here] for k, v in self.pending.items() if not here.all()}
            for step in steps:
                self._advance(step)
            if self.prepare.skip_empty:
                self.prepare.pass_to(stop)
            closed += len(steps)
        return closed

    def _advance(self, step: Step) -> None:
        """Move past a step: the carried state moves past the oldest that the model was shown."""
        shown = self.window()
        if self.carries and len(shown) == self.prepare.reach:
            self.model.observe(shown[0])
            self.carried += 1
        seen = self.prepare.advance(step)
        new = self.prepare.snapshot(seen).to(device_of(self.model))
        self._shown = [*shown, new][-self.prepare.reach :]

    def _graph(self, rows: Tensor) -> TemporalGraph:
        """Some of the pending events; none of them is a graph too."""
        some = bool(rows.any())
        events = {k: v[rows] for k, v in self.pending.items()} if some else self._nothing()
        graph = TemporalGraph(
            **events,
            x=self.x,
            num_nodes=len(self.labels),
            time_unit=self.schema.clock.time_unit,
        )
        return graph if some else graph[:0]

    def _nothing(self) -> dict[str, Tensor]:
        """One event, of which a graph without any can be cut."""
        zero = torch.zeros(1, dtype=torch.int64)
        return {"src": zero, "dst": zero, "t": zero.to(getattr(torch, self.schema.clock.dtype))}

    # ---------------------------------------------------------------- later events
    def needed(self) -> tuple[str, ...]:
        """Columns of events that are read to close a step."""
        return ("edge_y",) if self.prepare.features == "reputation" else ()

    def in_time(self, source: SourceTable, late: str, time_unit: str | None) -> np.ndarray:
        """bool, one per row: the events that are not of a closed step."""
        if late not in _LATE:
            raise UnknownNameError("late", late, _LATE)
        if not len(source):
            return np.ones(0, dtype=bool)
        problem = f"an event lies before step {self.number}, in one that is closed"
        return self.on_time(self.times(source, time_unit), self.start, late, problem, _LATE_FIX)

    def observe(
        self, table: pd.DataFrame, nodes: pd.DataFrame | None, time_unit: str | None
    ) -> tuple[EventTable, int]:
        """Take in events that are in time: the events, and the number of steps closed by them."""
        events = self.admit(table, nodes, time_unit, self.needed())
        first, last = self.steps_of(events)
        closed = self.change(nodes, first)
        if len(events):
            self.add(events)
            closed += self.close_until(last)
        return events, closed

    def change(self, nodes: pd.DataFrame | None, number: int) -> int:
        """Give nodes other features from step ``number`` on; how many steps were closed for it."""
        found = self._changes(nodes)
        if found is None:
            return 0
        closed = self.close_until(number)
        self.x = self.x.index_copy(0, *found)
        return closed

    def add(self, events: EventTable, rows: Any = slice(None)) -> None:
        """Add events to the open step and later ones.

        Args:
            events: Events that were admitted. Without times they are of the open step; without
                classes they can be closed last only, and count as one of class 0 then.
            rows: Which of them.
        """
        new = {"src": events.src[rows], "dst": events.dst[rows]}
        if events.t is None:
            dtype = getattr(torch, self.schema.clock.dtype)
            new["t"] = torch.full((len(new["src"]),), self.start.item(), dtype=dtype)
        else:
            new["t"] = events.t[rows]
        for name in self.needed():
            told = getattr(events, name)
            new[name] = torch.zeros_like(new["src"]) if told is None else told[rows]
        if self.met is not None:
            self.met.insert(new["src"], new["dst"], new["t"])
        if self.pending:
            new = {name: torch.cat([self.pending[name], value]) for name, value in new.items()}
        self.pending = new

    def _accept(self, events: EventTable, known: int, nodes: pd.DataFrame | None) -> None:
        self._check_changes(events, nodes, known)
        count = len(self.labels)
        if count == known:
            return
        new = self.labels.labels(range(known, count))
        grow = self._growing(new[0], "grow(num_nodes, x, steps)")
        x = None
        if self.x is not None:
            x = self._features_of(new, nodes).to(self.x)
            if self.changing:  # as of a node without a value yet; it gets this one in its step
                x = torch.zeros_like(x)
        grown = copy.deepcopy(self.prepare)
        rows = grown.grow(count, x)
        grow(count, rows.to(device_of(self.model)), self.carried)
        self.prepare, self._shown = grown, None
        if x is not None:
            self.x = torch.cat([self.x, x])
        if self.met is not None:
            self.met.grow(count)

    # ---------------------------------------------------------------- features that change
    def _changes(self, nodes: pd.DataFrame | None) -> tuple[Tensor, Tensor] | None:
        """Ids and new features of the nodes of a table, where features change with time."""
        if nodes is None or not self.changing:
            return None
        read = self.nodes.read(nodes, need=("x",))
        ids = torch.tensor(self._ids(read.labels), dtype=torch.int64)
        return ids[ids >= 0], read.columns["x"][ids >= 0].to(self.x)

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

    def steps_of(self, events: EventTable) -> tuple[int, int]:
        """The steps of the first and of the last event."""
        if events.t is None or not len(events):
            return self.number, self.number
        first, last = (self.prepare.borders.number_of(events.t[i].item()) for i in (0, -1))
        return first, last

    def _ids(self, labels: list[Any]) -> list[int]:
        """Ids of labels, -1 for those that are not known."""
        if self.labels.named:
            return [max(found) for found in zip(*(self.labels.places(labels, s) for s in (0, 1)))]
        whole = (isinstance(label, int) and 0 <= label < len(self.labels) for label in labels)
        return [label if known else -1 for label, known in zip(labels, whole)]


def _both_ways(prepare: SnapshotInput, bipartite: bool) -> bool:
    """Whether sources are destinations too: in a symmetric graph of one kind of node."""
    return prepare.symmetric and not bipartite


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _node_schema(graph: TemporalGraph, changing: bool) -> NodeSchema:
    """The columns of nodes; features that change replace those that do not."""
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
