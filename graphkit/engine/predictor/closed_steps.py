"""The closed steps that a model has processed, and the events of the open step, as tensors."""

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

_STEPS = 512  # steps that are cut in one call


class Steps:
    """A snapshot model, the preparation of its steps, and the events of the open step.

    The carried state, if the model has one, has been updated with all closed steps except those in
    the current input window of the model, as in a
    :class:`~graphkit.tasks.snapshot_timeline.Timeline`.

    Args:
        model: The model; its carried state is part of this object.
        prepare: The prepared closed steps and the settings of the preparation.
        carries: Whether the model has a carried state.
        carried: Number of steps with which the carried state has been updated.
        time_dtype: Dtype of times, int64 or float64.
        pending: Events of the open step: ``src``, ``dst``, ``t``, and ``edge_y`` if edge classes
            are used as features.
        x: Current node features, if the model reads the node features of the graph.
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
        """Create the state after the steps of the timeline of a task.

        Args:
            model: The model. A carried state is recomputed with the current parameters.
            task: The task.
            before: Close only the steps that are available at the first query of this subset; by
                default all steps of the timeline are closed.
        """
        timeline = task.timeline
        closed = len(timeline)
        if before is not None:
            closed = timeline.steps(before, 0).start + task.ahead
        past = timeline.input_before(closed)
        # Edge classes are the targets of the task: they are read only if they are features.
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
        """Return everything except the tensors, as JSON values."""
        told = {"carries": self.carries, "carried": self.carried, "same": self._same()}
        return {"input": self.prepare.settings(), **told}

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors except those of the model, each one once."""
        same = self._same()
        return {name: value for name, value in self._named().items() if name not in same}

    def _same(self) -> dict[str, str]:
        """Tensors that also have another name: features that do not change."""
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
        """Restore the output of :meth:`facts` and :meth:`tensors` for a model."""
        tensors = {**tensors, **{name: tensors[first] for name, first in facts["same"].items()}}
        prepare = SnapshotInput(**facts["input"])
        prepare.load_state_dict(_below(tensors, "input."))
        pending, x = _below(tensors, "open."), tensors.get("x")
        return cls(model, prepare, facts["carries"], facts["carried"], time_dtype, pending, x)

    def copy(self) -> Steps:
        """Return an independent copy that shares the parameters of the model."""
        other = object.__new__(Steps)
        other.__dict__.update(self.__dict__)
        other.model = copy.deepcopy(self.model, {id(p): p for p in self.model.parameters()})
        other.prepare = copy.deepcopy(self.prepare)
        return other

    # ---------------------------------------------------------------- what the model is given
    def window(self) -> list[Snapshot]:
        """Snapshots of the last closed steps, oldest first, on the device of the model."""
        device = device_of(self.model)
        if self._shown is None:
            self._shown = list(self.prepare.window())
        if any(snapshot.self_coef.device != device for snapshot in self._shown):
            self._shown = [snapshot.to(device) for snapshot in self._shown]
        return self._shown

    @property
    def number(self) -> int:
        """Number of the open step."""
        return int(self.prepare.next_step)

    @property
    def start(self) -> Any:
        """Start of the open step in ticks."""
        return self.prepare.borders.at(self.number, self.number)[0]

    @property
    def end(self) -> Any:
        """End of the open step in ticks."""
        return self.prepare.borders.at(self.number + 1, self.number + 1)[0]

    def number_of(self, t: Tensor) -> int:
        """Return the number of the step that contains a time."""
        return self.prepare.borders.number_of(t.item())

    def numbers(self, t: np.ndarray) -> np.ndarray:
        """Return the number of the step that contains each time, int64."""
        values, place = np.unique(t, return_inverse=True)
        steps = [self.prepare.borders.number_of(value) for value in values.tolist()]
        return np.array(steps, dtype=np.int64)[place]

    def close_until(self, number: int) -> int:
        """Close the steps before step ``number``; return how many had their own snapshot."""
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
        """Append a step; the carried state is updated with the oldest step of the window."""
        shown = self.window()
        if self.carries and len(shown) == self.prepare.reach:
            self.model.observe(shown[0])
            self.carried += 1
        seen = self.prepare.advance(step)
        new = self.prepare.snapshot(seen).to(device_of(self.model))
        self._shown = [*shown, new][-self.prepare.reach :]

    def _graph(self, rows: Tensor) -> TemporalGraph:
        """Return a graph of some pending events; an empty selection is allowed."""
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
        """Columns of one event, from which a graph without events can be sliced."""
        zero = torch.zeros(1, dtype=torch.int64)
        return {"src": zero, "dst": zero, "t": zero.to(self.time_dtype)}

    # ---------------------------------------------------------------- later events
    def needed(self) -> tuple[str, ...]:
        """Columns of events that are needed to close a step."""
        classes = ("edge_y",) if self.prepare.features == "reputation" else ()
        return (*classes, "edge_weight") if self.prepare.weighted else classes

    def add(self, events: Mapping[str, Tensor]) -> None:
        """Add events to the open step and later steps: columns ``src``, ``dst``, ``t`` and those
        of :meth:`needed`."""
        if self.pending:
            events = {name: torch.cat([held, events[name]]) for name, held in self.pending.items()}
        self.pending = dict(events)

    def grow(self, num_nodes: int, x: Tensor | None, grow: Callable[..., None]) -> None:
        """Add new nodes.

        Args:
            num_nodes: New number of nodes.
            x: Features of the new nodes, if the model reads the node features of the graph.
            grow: Method of the model that adds nodes.
        """
        grown = copy.deepcopy(self.prepare)
        rows = grown.grow(num_nodes, x)
        grow(num_nodes, rows.to(device_of(self.model)), self.carried)
        self.prepare, self._shown = grown, None
        if x is not None:
            self.x = torch.cat([self.x, x])


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
