"""Predictor of edge classes in the steps after training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.schema import EventTable
from graphkit.data.source_table import SourceTable
from graphkit.engine.predictor.class_table import class_table
from graphkit.engine.predictor.snapshot_state import SnapshotState
from graphkit.engine.predictor.steps import StepPredictor
from graphkit.errors import GraphError

__all__ = ["SnapshotEdgePredictor"]


class SnapshotEdgePredictor(StepPredictor):
    """Predictor of :class:`~graphkit.EdgeClassification`: the classes of edges.

    An edge is classified from the embeddings of its endpoints after its step, which includes the
    edge itself. Queried edges are therefore added to a copy of the open step, which is closed to
    classify them; the state itself does not change. Use :meth:`observe` to add edges that have
    occurred, and :meth:`close` to close the step. See :class:`StepPredictor` for steps.
    """

    kind: ClassVar[str] = "snapshot_edges"
    tasks: ClassVar[tuple[str, ...]] = ("edge_classification",)

    class_names: list[Any]
    """Names of the classes, ordered by class number."""

    def _adopt(self, task: Any, before: str | None) -> None:
        super()._adopt(task, before)
        names = task.graph.class_names.get("edge_y", range(task.num_classes))
        self.class_names = list(names)[: task.num_classes]

    def _facts(self) -> dict[str, Any]:
        return {**super()._facts(), "classes": self.class_names}

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        super()._restore(facts, tensors)
        self.class_names = list(facts["classes"])

    @torch.no_grad()
    def predict(
        self,
        table: Any,
        *,
        enter: bool = True,
        nodes: pd.DataFrame | None = None,
        time_unit: str | None = None,
    ) -> pd.DataFrame:
        """Predict the classes of edges. The state does not change.

        Args:
            table: A DataFrame, a ``pyarrow.Table`` or a :class:`~graphkit.TemporalGraph` with one
                edge per row. Without a time column all edges belong to the open step. Edges of
                several steps are classified step by step, each step after the previous ones.
            enter: Whether the edges are added to those of the open step. Use ``False`` to classify
                edges that :meth:`observe` has already added.
            nodes: Features of new nodes, see :meth:`observe`.
            time_unit: Unit of numeric times; by default the time unit of the graph.

        Returns:
            One row per row of ``table``, in the same order and with the same index: source,
            destination, time if given, ``class`` by name, and one column per class with its
            probability.

        Raises:
            GraphError: A column is missing or does not fit, an edge is in a closed step or (with
                ``enter=False``) not in the open step, or a new node cannot be added. With
                ``features="reputation"``, edges of several steps require their classes, which are
                features of later steps.
        """
        source = SourceTable.of(table, self._state.schema)
        work = self._state.copy()
        timed = self._state.schema.t is not None and source.has(self._state.schema.t, "t")
        if timed:
            work.in_time(source, "raise", time_unit)
        if enter:
            nodes = self._nodes_of(table, nodes)
            events = self._admitted(work, source, nodes, time_unit, timed)
            logits = self._step_by_step(work, events, nodes)
        else:
            events = work.schema.read(
                source.frame, labels=work.labels, need=(), time="optional", time_unit=time_unit
            )
            self._check_held(work, events)
            work.steps.close_until(work.steps.number + 1)
            logits = self._logits(work, events.src, events.dst)
        answer = events.in_rows(logits)
        return class_table(
            answer, self.class_names, index=source.frame.index, keys=work.asked(source)
        )

    def _admitted(
        self,
        work: SnapshotState,
        source: SourceTable,
        nodes: pd.DataFrame | None,
        time_unit: str | None,
        timed: bool,
    ) -> EventTable:
        """Read the queried edges and add their new nodes."""
        need = work.steps.needed()
        several = False
        if timed and len(source) and need:
            several = len(np.unique(work.steps.numbers(work.times(source, time_unit)))) > 1
        if not several:  # classes are asked for: they are features of later steps only
            need = tuple(name for name in need if name != "edge_y")
        return work.admit(source.frame, nodes, time_unit, need, "required" if timed else "none")

    def _step_by_step(
        self, work: SnapshotState, events: EventTable, nodes: pd.DataFrame | None
    ) -> Tensor:
        """Return logits ``[E, C]`` of edges, each computed after the step of the edge."""
        if not len(events):
            return torch.empty(0, len(self.class_names))
        steps = np.full(len(events), work.steps.number)
        if events.t is not None:
            steps = work.steps.numbers(events.t.numpy())
        work.change(nodes, int(steps[0]))
        found = []
        for number in np.unique(steps).tolist():
            rows = torch.from_numpy(steps == number)
            work.steps.close_until(number)
            work.add(events, rows)
            work.steps.close_until(number + 1)
            found.append(self._logits(work, events.src[rows], events.dst[rows]))
        return torch.cat(found)

    def _logits(self, work: SnapshotState, src: Tensor, dst: Tensor) -> Tensor:
        if not len(src):
            return torch.empty(0, len(self.class_names))
        device = self.device
        return work.model.logits(work.steps.window(), src.to(device), dst.to(device)).float().cpu()

    def _check_held(self, work: SnapshotState, events: EventTable) -> None:
        """Raise if an edge is not in the open step."""
        held: set[tuple[int, int]] = set()
        if work.steps.pending:
            ends = work.steps.pending["src"].tolist(), work.steps.pending["dst"].tolist()
            held = {*zip(*ends)}
            if work.steps.prepare.symmetric:
                held |= {*zip(*ends[::-1])}
        src, dst = events.in_rows(events.src).tolist(), events.in_rows(events.dst).tolist()
        if events.t is not None and len(events) and work.steps_of(events)[1] != work.steps.number:
            raise GraphError(
                work.schema.t,
                "an edge lies after the open step",
                expected=f"times of step {work.steps.number}, before {work.open_step().end}",
                got=str(work.written(events.t[-1].item())),
            )
        for row, pair in enumerate(zip(src, dst)):
            if pair not in held:
                raise GraphError(
                    work.schema.src,
                    "the open step holds no such edge",
                    row=row,
                    expected=f"one of {len(held)} edges of step {work.steps.number}",
                    got=f"{work.labels.label(pair[0])!r} to {work.labels.label(pair[1])!r}",
                    fix="predict(table) lets edges enter the step before they are classified.",
                )
