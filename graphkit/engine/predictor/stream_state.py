"""What a predictor of a stream keeps, and how later events enter it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.data import EventBatch, TemporalGraph
from graphkit.data.labels import Labels
from graphkit.data.node_schema import NodeSchema
from graphkit.data.schema import EventSchema, EventTable
from graphkit.data.source_table import SourceTable
from graphkit.engine.passes import replay
from graphkit.engine.predictor.event_state import EventState, device_of
from graphkit.engine.predictor.observed_pairs import ObservedPairs

__all__ = ["StreamState"]

_LATE = ("raise", "insert", "drop")


class StreamState(EventState):
    """A stream model with the labels of its nodes, the pairs that have met and the time.

    Args:
        model: The model; its state is part of this one.
        schema: How tables of events are read.
        labels: Labels of the nodes.
        nodes: How tables of nodes are read.
        within_batch: Whether events of a batch are scored with the earlier ones of it.
        met: Pairs that have met, and all destinations.
        now: Time of the last event observed, ``None`` before the first.
    """

    def __init__(
        self,
        model: nn.Module,
        schema: EventSchema,
        labels: Labels,
        nodes: NodeSchema,
        within_batch: bool,
        met: ObservedPairs,
        now: float | None,
    ) -> None:
        super().__init__(model, schema, labels, nodes)
        self.within_batch, self.met, self.now = within_batch, met, now

    @classmethod
    def of_task(
        cls, model: nn.Module, task: Any, batch_size: int, before: str | None
    ) -> StreamState:
        """The state after what a model has observed of a task's graph.

        Args:
            model: The model.
            task: The task.
            batch_size: Of the replay.
            before: Empty the model and replay everything before this subset; ``None`` takes it as
                it is.
        """
        graph = task.graph
        if before is None:
            past = _seen(model, graph)
        else:
            past = task.past(before)
            replay(model, past, batch_size, device_of(model))
        now = max((stretch.t_max for stretch in past if len(stretch)), default=None)
        labels, schema, nodes = Labels.of(graph), EventSchema.of(graph), NodeSchema.of(graph)
        met = ObservedPairs.of(graph, past)
        return cls(model, schema, labels, nodes, bool(task.within_batch), met, now)

    # ---------------------------------------------------------------- on disk
    def facts(self) -> dict[str, Any]:
        """All of it but the tensors, as values that JSON holds."""
        return {**super().facts(), "within_batch": self.within_batch, "now": self.now}

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors but the model's."""
        return self.met.tensors()

    @classmethod
    def restored(
        cls, model: nn.Module, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> StreamState:
        """What :meth:`facts` and :meth:`tensors` kept, around a model."""
        schema, labels = EventSchema.from_json(facts["schema"]), Labels.from_json(facts["labels"])
        met = ObservedPairs.restored(tensors, len(labels), getattr(torch, schema.clock.dtype))
        nodes = NodeSchema.from_json(facts["nodes"])
        return cls(model, schema, labels, nodes, facts["within_batch"], met, facts["now"])

    # ---------------------------------------------------------------- later events
    def in_time(self, source: SourceTable, late: str, time_unit: str | None) -> np.ndarray:
        """bool, one per row: the events that are to be observed."""
        check_choice(late, "late", _LATE)
        if self.now is None or self.schema.t is None or not len(source):
            return np.ones(len(source), dtype=bool)
        accepts = getattr(self.model, "accepts_late", False)
        t = self.times(source, time_unit)
        if late == "insert" and accepts:
            return np.ones(len(source), dtype=bool)
        fix = "late='drop' leaves such events out."
        if accepts:
            fix = "late='insert' observes them all the same, late='drop' leaves them out."
        elif late == "insert":
            fix = f"The state of {type(self.model).__name__} depends on the order of events. {fix}"
        problem = "an event is earlier than the last one observed"
        return self.on_time(t, self.now, late, problem, fix)

    def needed(self) -> tuple[str, ...]:
        """Columns of events that the model reads."""
        width = getattr(self.model, "edge_dim", None)
        if width is None:  # a model that does not say
            return self.schema.features
        return ("edge_attr",) if width else ()

    def _accept(self, events: EventTable, known: int, nodes: pd.DataFrame | None) -> None:
        count = len(self.labels)
        if count == known:
            return
        new = self.labels.labels(range(known, count))
        grow = self._growing(new[0], "grow(num_nodes, x=None)")
        x = None
        if getattr(self.model, "x", None) is not None:
            x = self._features_of(new, nodes).to(device_of(self.model))
        grow(count, x=x)
        self.met.grow(count)

    def go_on(self, events: EventTable, batch_size: int, others: Tensor | None = None) -> Tensor:
        """Observe events batch by batch; with ``others`` each batch is scored first.

        Args:
            events: The events.
            batch_size: Events per batch.
            others: int64 ``[E, C]``, further destinations to score.

        Returns:
            Scores ``[E, 1 + C]`` of the events and of the other destinations, if there are any.
        """
        scores = []
        columns = {"src": events.src, "dst": events.dst, "t": events.t}
        columns |= {n: getattr(events, n) for n in self.needed()}
        columns["event_id"] = torch.arange(len(events))
        device = device_of(self.model)
        for start in range(0, len(events), batch_size):
            rows = slice(start, start + batch_size)
            batch = EventBatch(**{n: v[rows].to(device) for n, v in columns.items()})
            if others is not None:
                dst = torch.cat([batch.dst.unsqueeze(1), others[rows].to(device)], dim=1)
                earlier = {"earlier": batch} if self.within_batch else {}
                scores.append(self.model.score(batch.src, dst, batch.t, **earlier).float().cpu())
            self.model.observe(batch)
            self.met.insert(events.src[rows], events.dst[rows], events.t[rows])
            last = events.t[rows][-1].item()
            self.now = last if self.now is None else max(self.now, last)
        if others is None or not scores:
            return torch.empty(len(events), 1 + (0 if others is None else others.shape[1]))
        return torch.cat(scores)

    def time_of(self, at: Any) -> Tensor:
        """``[1]``, a time of question in ticks."""
        dtype = getattr(torch, self.schema.clock.dtype)
        if at is None:
            return torch.tensor([0 if self.now is None else self.now], dtype=dtype)
        ticks = self.schema.clock.read(pd.Series([at]), "at")
        self.check_times(ticks, "at")
        return torch.from_numpy(ticks).to(dtype)

    def check_times(self, t: np.ndarray, column: str) -> None:
        """Refuse questions about the past: the state is that after the last event."""
        if self.now is not None and (t < self.now).any():
            problem = "the question is about a time before the last event observed"
            fix = "The state of the model cannot go back. Score events before they are observed: "
            raise self.early(t, self.now, column, problem, f"{fix}score(table, observe=True).")


def _seen(model: nn.Module, graph: TemporalGraph) -> list[TemporalGraph]:
    """The events of a graph that a model has observed, by its own count of time."""
    clock = getattr(model, "stream_clock", None)
    if clock is None:
        return [graph]
    if int(clock.num_events) == 0:
        return []
    end = clock.now.cpu().to(graph.t.dtype)
    return [graph[: int(torch.searchsorted(graph.t, end, right=True))]]
