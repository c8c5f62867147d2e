"""What a predictor of a stream keeps, and how later events enter it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from graphkit.data import EventBatch, TemporalGraph
from graphkit.data.labels import Labels
from graphkit.data.node_schema import NodeSchema
from graphkit.data.schema import EventSchema, EventTable
from graphkit.data.source_table import SourceTable
from graphkit.engine.passes import replay
from graphkit.engine.predictor.ranked import with_new_ids
from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.stream import PairTable

__all__ = ["StreamState"]

_LATE = ("raise", "insert", "drop")
_PAIRS = "pairs."


class StreamState:
    """A stream model with the labels of its nodes, the pairs that have met and the time.

    Args:
        model: The model; its state is part of this one.
        schema: How tables of events are read.
        labels: Labels of the nodes.
        nodes: How tables of nodes are read.
        within_batch: Whether events of a batch are scored with the earlier ones of it.
        destinations: Ids of all destinations, ascending: the candidates of recommendations.
        pairs: Pairs that have met.
        now: Time of the last event observed, ``None`` before the first.
    """

    def __init__(
        self,
        model: nn.Module,
        schema: EventSchema,
        labels: Labels,
        nodes: NodeSchema,
        within_batch: bool,
        destinations: Tensor,
        pairs: PairTable,
        now: float | None,
    ) -> None:
        self.model, self.schema, self.labels, self.nodes = model, schema, labels, nodes
        self.within_batch, self.destinations = within_batch, destinations
        self.pairs, self.now = pairs, now

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
            replay(model, past, batch_size, _device(model))
        pairs, now = PairTable(graph.num_nodes, graph.t.dtype), None
        for stretch in past:
            if len(stretch):
                pairs.insert(stretch.src.cpu(), stretch.dst.cpu(), stretch.t.cpu())
                now = stretch.t_max if now is None else max(now, stretch.t_max)
        labels, schema, nodes = Labels.of(graph), EventSchema.of(graph), NodeSchema.of(graph)
        within_batch, destinations = bool(task.within_batch), graph.dst.unique().cpu()
        return cls(model, schema, labels, nodes, within_batch, destinations, pairs, now)

    # ---------------------------------------------------------------- on disk
    def facts(self) -> dict[str, Any]:
        """All of it but the tensors, as values that JSON holds."""
        return {
            "schema": self.schema.to_json(),
            "nodes": self.nodes.to_json(),
            "labels": self.labels.to_json(),
            "within_batch": self.within_batch,
            "now": self.now,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors but the model's."""
        pairs = {f"{_PAIRS}{name}": value for name, value in self.pairs.state_dict().items()}
        return {"destinations": self.destinations, **pairs}

    @classmethod
    def restored(
        cls, model: nn.Module, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> StreamState:
        """What :meth:`facts` and :meth:`tensors` kept, around a model."""
        schema, labels = EventSchema.from_json(facts["schema"]), Labels.from_json(facts["labels"])
        pairs = PairTable(len(labels), getattr(torch, schema.clock.dtype))
        pairs.load_state_dict(
            {k.removeprefix(_PAIRS): v for k, v in tensors.items() if k.startswith(_PAIRS)}
        )
        nodes = NodeSchema.from_json(facts["nodes"])
        told = facts["within_batch"], tensors["destinations"], pairs, facts["now"]
        return cls(model, schema, labels, nodes, *told)

    # ---------------------------------------------------------------- later events
    def in_time(self, source: SourceTable, late: str, time_unit: str | None) -> np.ndarray:
        """bool, one per row: the events that are to be observed."""
        if late not in _LATE:
            raise UnknownNameError("late", late, _LATE)
        kept = np.ones(len(source), dtype=bool)
        if self.now is None or self.schema.t is None or not len(source):
            return kept
        schema = self.schema
        t = schema.clock.read(source.column(schema.t, "t"), schema.t, time_unit or source.time_unit)
        early = t < self.now
        if not early.any() or (late == "insert" and getattr(self.model, "accepts_late", False)):
            return kept
        if late == "drop":
            return ~early
        row = int(np.argmax(early))
        fix = "late='drop' leaves such events out."
        if getattr(self.model, "accepts_late", False):
            fix = "late='insert' observes them all the same, late='drop' leaves them out."
        elif late == "insert":
            fix = f"The state of {type(self.model).__name__} depends on the order of events. {fix}"
        raise GraphError(
            schema.t,
            "an event is earlier than the last one observed",
            row=row,
            expected=f"{self._written(self.now)} or later",
            got=str(self._written(t[row])),
            fix=fix,
        )

    def admit(
        self, table: pd.DataFrame, nodes: pd.DataFrame | None, time_unit: str | None
    ) -> EventTable:
        """Read events and make room for their new nodes; all or nothing."""
        known = len(self.labels)
        events = self.schema.read(
            table,
            labels=self.labels,
            admit=True,
            need=self._needed(),
            time="required",
            time_unit=time_unit,
        )
        try:
            if len(self.labels) > known:
                self._grow(known, nodes)
        except BaseException:
            self.labels.forget(known)
            raise
        return events

    def _needed(self) -> tuple[str, ...]:
        """Columns of events that the model reads."""
        width = getattr(self.model, "edge_dim", None)
        if width is None:  # a model that does not say
            return self.schema.features
        return ("edge_attr",) if width else ()

    def _grow(self, known: int, nodes: pd.DataFrame | None) -> None:
        """Make room for the labels from number ``known`` on."""
        count = len(self.labels)
        new = self.labels.labels(range(known, count))
        if not hasattr(self.model, "grow"):
            raise GraphError(
                self.schema.src,
                f"{type(self.model).__name__} cannot take in new nodes",
                got=repr(new[0]),
                fix="Give the model a method grow(num_nodes, x=None), or leave these events out.",
            )
        x = None
        if getattr(self.model, "x", None) is not None:
            x = self._features_of(new, nodes).to(_device(self.model))
        self.model.grow(count, x=x)
        self.pairs.grow(count)

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
        columns |= {n: getattr(events, n) for n in self._needed()}
        columns["event_id"] = torch.arange(len(events))
        device = _device(self.model)
        for start in range(0, len(events), batch_size):
            rows = slice(start, start + batch_size)
            batch = EventBatch(**{n: v[rows].to(device) for n, v in columns.items()})
            if others is not None:
                dst = torch.cat([batch.dst.unsqueeze(1), others[rows].to(device)], dim=1)
                earlier = {"earlier": batch} if self.within_batch else {}
                scores.append(self.model.score(batch.src, dst, batch.t, **earlier).float().cpu())
            self.model.observe(batch)
            self.pairs.insert(events.src[rows], events.dst[rows], events.t[rows])
            last = events.t[rows][-1].item()
            self.now = last if self.now is None else max(self.now, last)
        self.destinations = with_new_ids(self.destinations, events.dst)
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
        early = t < self.now if self.now is not None else np.zeros(len(t), dtype=bool)
        if early.any():
            row = int(np.argmax(early))
            raise GraphError(
                column,
                "the question is about a time before the last event observed",
                row=row,
                expected=f"{self._written(self.now)} or later",
                got=str(self._written(t[row])),
                fix="The state of the model cannot go back. Score events before they are observed: "
                "score(table, observe=True).",
            )

    def _written(self, ticks: Any) -> Any:
        """A time as the source has it."""
        return self.schema.clock.write(np.asarray([ticks]))[0]


def _seen(model: nn.Module, graph: TemporalGraph) -> list[TemporalGraph]:
    """The events of a graph that a model has observed, by its own count of time."""
    clock = getattr(model, "stream_clock", None)
    if clock is None:
        return [graph]
    if int(clock.num_events) == 0:
        return []
    end = clock.now.cpu().to(graph.t.dtype)
    return [graph[: int(torch.searchsorted(graph.t, end, right=True))]]


def _device(model: nn.Module) -> torch.device:
    for value in (*model.parameters(), *model.buffers()):
        return value.device
    return torch.device("cpu")
