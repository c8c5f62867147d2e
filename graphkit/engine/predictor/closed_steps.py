"""The closed steps that a model has seen, and the events of the open one, as tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphkit.data import TemporalGraph
from graphkit.engine.passes import reset_state
from graphkit.engine.predictor.event_state import device_of
from graphkit.nn.snapshot import Snapshot
from graphkit.tasks.snapshot_input import SnapshotInput
from graphkit.tasks.snapshot_steps import Step

__all__ = ["Steps"]

_STEPS = 512  # steps that are cut at a time


class Steps:
    """A snapshot model, what prepares its steps, and the events of the open step.

    The carried state, if the model has one, has gone through all closed steps but those that the
    model is shown, as in a :class:`~graphkit.tasks.snapshot_timeline.Timeline`.

    Args:
        model: The model; its carried state is part of this one.
        prepare: Closed steps and what is needed of them.
        carries: Whether the model's state is carried along.
        carried: Steps that it has gone through.
        time_dtype: int64 or float64, what times are.
        pending: Events of the open step: ``src``, ``dst``, ``t``, and ``edge_y`` where classes of
            edges are features.
        x: Features of the nodes from now on, where the model reads those of the graph.
    """

    def __init__(
        self,
        model: nn.Module,
        prepare: SnapshotInput,
        carries: bool,
        carried: int,
        time_dtype: torch.dtype,
        pending: Mapping[str, Tensor],
        x: Tensor | None,
    ) -> None:
        self.model, self.prepare, self.time_dtype = model, prepare, time_dtype
        self.carries, self.carried = carries, carried
        self.pending, self.x = dict(pending), x
        self._shown: list[Snapshot] | None = None

    @classmethod
    def of_task(cls, model: nn.Module, task: Any, before: str | None) -> Steps:
        """Those after steps of a task's timeline.

        Args:
            model: The model. A carried state is made again, by its present parameters.
            task: The task.
            before: Close the steps that are known when the first question of this subset is asked;
                all steps of the timeline if ``None``.
        """
        timeline = task.timeline
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
        x = timeline.cut[closed - 1].x if prepare.features == "x" else None
        return cls(model, prepare, carries, carried, task.graph.t.dtype, {}, x)

    # ---------------------------------------------------------------- on disk
    def facts(self) -> dict[str, Any]:
        """All of it but the tensors, as values that JSON holds."""
        told = {"carries": self.carries, "carried": self.carried, "same": self._same()}
        return {"input": self.prepare.settings(), **told}

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors but the model's, each once."""
        same = self._same()
        return {name: value for name, value in self._named().items() if name not in same}

    def _same(self) -> dict[str, str]:
        """Tensors that stand under another name too: features that do not change."""
        first: dict[Any, str] = {}
        same = {}
        for name, value in self._named().items():
            key = value.data_ptr(), value.shape, value.stride(), value.dtype
            if value.numel() and first.setdefault(key, name) != name:
                same[name] = first[key]
        return same

    def _named(self) -> dict[str, Tensor]:
        found = {f"input.{name}": value for name, value in self.prepare.state_dict().items()}
        found |= {f"open.{name}": value for name, value in self.pending.items()}
        return found | ({} if self.x is None else {"x": self.x})

    @classmethod
    def restored(
        cls,
        model: nn.Module,
        facts: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
        time_dtype: torch.dtype,
    ) -> Steps:
        """What :meth:`facts` and :meth:`tensors` kept, around a model."""
        tensors = {**tensors, **{name: tensors[first] for name, first in facts["same"].items()}}
        prepare = SnapshotInput(**facts["input"])
        prepare.load_state_dict(_below(tensors, "input."))
        pending, x = _below(tensors, "open."), tensors.get("x")
        return cls(model, prepare, facts["carries"], facts["carried"], time_dtype, pending, x)

    def copy(self) -> Steps:
        """Steps that go their own way; parameters of the model are shared."""
        other = object.__new__(Steps)
        other.__dict__.update(self.__dict__)
        other.model = copy.deepcopy(self.model, {id(p): p for p in self.model.parameters()})
        other.prepare = copy.deepcopy(self.prepare)
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

    @property
    def number(self) -> int:
        """The number of the open step."""
        return int(self.prepare.next_step)

    @property
    def start(self) -> Any:
        """Where the open step begins, in ticks."""
        return self.prepare.borders.at(self.number, self.number)[0]

    @property
    def end(self) -> Any:
        """Where the open step ends, in ticks."""
        return self.prepare.borders.at(self.number + 1, self.number + 1)[0]

    def number_of(self, t: Tensor) -> int:
        """The step that a time lies in."""
        return self.prepare.borders.number_of(t.item())

    def numbers(self, t: np.ndarray) -> np.ndarray:
        """int64, the step that each of some times lies in."""
        values, place = np.unique(t, return_inverse=True)
        steps = [self.prepare.borders.number_of(value) for value in values.tolist()]
        return np.array(steps, dtype=np.int64)[place]

    def close_until(self, number: int) -> int:
        """Close the steps before step ``number``; how many had a snapshot of their own."""
        closed = 0
        while (first := self.number) < number:
            if self.prepare.skip_empty:
                earliest = number
                if self.pending:
                    earliest = self.prepare.borders.number_of(self.pending["t"].min().item())
                if earliest > first:
                    self.prepare.pass_to(min(earliest, number))
                    continue
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
            num_nodes=self.prepare.num_nodes,
            time_unit=self.prepare.time_unit,
        )
        return graph if some else graph[:0]

    def _nothing(self) -> dict[str, Tensor]:
        """One event, of which a graph without any can be cut."""
        zero = torch.zeros(1, dtype=torch.int64)
        return {"src": zero, "dst": zero, "t": zero.to(self.time_dtype)}

    # ---------------------------------------------------------------- later events
    def needed(self) -> tuple[str, ...]:
        """Columns of events that are read to close a step."""
        classes = ("edge_y",) if self.prepare.features == "reputation" else ()
        return (*classes, "edge_weight") if self.prepare.weighted else classes

    def add(self, events: Mapping[str, Tensor]) -> None:
        """Add events to the open step and later ones: ``src``, ``dst``, ``t`` and those
        :meth:`needed`."""
        if self.pending:
            events = {name: torch.cat([held, events[name]]) for name, held in self.pending.items()}
        self.pending = dict(events)

    def grow(self, num_nodes: int, x: Tensor | None, grow: Callable[..., None]) -> None:
        """Take in new nodes.

        Args:
            num_nodes: Nodes from now on.
            x: Features of the new ones, where the model reads those of the graph.
            grow: The model's method.
        """
        grown = copy.deepcopy(self.prepare)
        rows = grown.grow(num_nodes, x)
        grow(num_nodes, rows.to(device_of(self.model)), self.carried)
        self.prepare, self._shown = grown, None
        if x is not None:
            self.x = torch.cat([self.x, x])


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
