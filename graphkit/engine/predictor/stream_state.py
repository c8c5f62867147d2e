"""State of a stream predictor, and its update with later events."""

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
    """A stream model with the labels of its nodes, the pairs with an event, and the current time.

    Args:
        model: The model; its state is part of this object.
        schema: Schema of event tables.
        labels: Labels of the nodes.
        nodes: Schema of node tables.
        within_batch: Whether events are scored with the earlier events of the same batch.
        met: Pairs with an event so far, and all destinations.
        now: Time of the last observed event; ``None`` before the first event.
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
        """Create the state after the events of the graph of a task that a model has observed.

        Args:
            model: The model.
            task: The task.
            batch_size: Batch size of the replay.
            before: Reset the model and replay everything before this subset; ``None`` keeps the
                current state.
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
        """Return everything except the tensors, as JSON values."""
        return {**super().facts(), "within_batch": self.within_batch, "now": self.now}

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors except those of the model."""
        return self.met.tensors()

    @classmethod
    def restored(
        cls, model: nn.Module, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> StreamState:
        """Restore the output of :meth:`facts` and :meth:`tensors` for a model."""
        schema, labels = EventSchema.from_json(facts["schema"]), Labels.from_json(facts["labels"])
        met = ObservedPairs.restored(tensors, len(labels), getattr(torch, schema.clock.dtype))
        nodes = NodeSchema.from_json(facts["nodes"])
        return cls(model, schema, labels, nodes, facts["within_batch"], met, facts["now"])

    # ---------------------------------------------------------------- later events
    def in_time(self, source: SourceTable, late: str, time_unit: str | None) -> np.ndarray:
        """Return a boolean per row: whether the event is observed."""
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
        if width is None:  # the model does not declare it
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
        """Observe events batch by batch; with ``others``, each batch is scored first.

        Args:
            events: The events.
            batch_size: Number of events per batch.
            others: Ids of additional destinations to score, int64 ``[E, C]``.

        Returns:
            Scores ``[E, 1 + C]`` of the events and of the additional destinations, if given.
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
        """Return the time of a query in ticks, ``[1]``."""
        dtype = getattr(torch, self.schema.clock.dtype)
        if at is None:
            return torch.tensor([0 if self.now is None else self.now], dtype=dtype)
        ticks = self.schema.clock.read(pd.Series([at]), "at")
        self.check_times(ticks, "at")
        return torch.from_numpy(ticks).to(dtype)

    def check_times(self, t: np.ndarray, column: str) -> None:
        """Raise if a query is about the past, because the state is that after the last event."""
        if self.now is not None and (t < self.now).any():
            problem = "the question is about a time before the last event observed"
            fix = "The state of the model cannot go back. Score events before they are observed: "
            raise self.early(t, self.now, column, problem, f"{fix}score(table, observe=True).")


def _seen(model: nn.Module, graph: TemporalGraph) -> list[TemporalGraph]:
    """Return the events of a graph that a model has observed, according to its last time."""
    clock = getattr(model, "stream_clock", None)
    if clock is None:
        return [graph]
    if int(clock.num_events) == 0:
        return []
    end = clock.now.cpu().to(graph.t.dtype)
    return [graph[: int(torch.searchsorted(graph.t, end, right=True))]]
