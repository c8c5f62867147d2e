"""Base class of the predictors of snapshots: open and closed steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.data.source_table import SourceTable
from graphkit.engine.predictor.event_predictor import EventPredictor
from graphkit.engine.predictor.observed import Observed
from graphkit.engine.predictor.snapshot_state import OpenStep, SnapshotState
from graphkit.errors import GraphError

__all__ = ["StepPredictor"]

_MANY = 1_000_000  # steps in one call of close, above which a wrong time unit is more likely


class StepPredictor(EventPredictor):
    """A predictor whose model processes a stream in steps.

    The steps of training are continued: step 0 starts at the start of the training data, and later
    events continue the numbering. The model has processed the closed steps. One step is open:
    :meth:`observe` adds events to it. It is closed by an event of a later step or by :meth:`close`,
    never by a query, and cannot change afterwards.

    A new predictor has closed all steps of the timeline of its task, including the last one; with
    ``until="val"``, those that are available at the first test query. A carried state is recomputed
    up to this step with the current parameters of the model.

    Tables have the columns of the table that the graph was built from, identified by name, in any
    order. If the model reads the node features of the graph (``features="x"``), they stay unchanged
    until new ones are given in ``nodes``.
    """

    recommends: ClassVar[bool] = False

    _state: SnapshotState

    # ---------------------------------------------------------------- what is kept
    def _adopt(self, task: Any, before: str | None) -> None:
        self._state = SnapshotState.of_task(self.model, task, before, self.recommends)

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self._state = SnapshotState.restored(self.model, facts, tensors)

    @property
    def open_step(self) -> OpenStep:
        """The open step: its number, its start and end, and its number of events."""
        return self._state.open_step()

    # ---------------------------------------------------------------- observe
    @torch.no_grad()
    def observe(
        self,
        table: Any,
        nodes: pd.DataFrame | None = None,
        *,
        late: str = "raise",
        time_unit: str | None = None,
    ) -> Observed:
        """Add events to the open step; events of later steps close it.

        Args:
            table: A DataFrame, a ``pyarrow.Table`` or a :class:`~graphkit.TemporalGraph` with
                times; with ``features="reputation"`` also with the classes of the events.
            nodes: Node features for ``features="x"``, with one named column per feature and one row
                per node, indexed by label. New nodes require a row; by default the node features of
                ``table`` are used if it is a graph. If features change over time (node events),
                rows of known nodes replace their features from the step of the first event on (the
                open step if there is no event); otherwise such rows are ignored.
            late: Handling of events before the open step: ``"raise"`` or ``"drop"``.
            time_unit: Unit of numeric times; by default the time unit of the graph.

        Returns:
            The numbers of observed and dropped events, the labels of new nodes, and the number of
            closed steps.

        Raises:
            GraphError: A column is missing or does not fit, an event is in a closed step, or a new
                node has no features or cannot be added. Nothing is observed then.
        """
        state = self._state
        source = SourceTable.of(table, state.schema)
        kept = state.in_time(source, late, time_unit)
        frame = source.frame if kept.all() else source.frame[kept]
        events, closed = state.observe(frame, self._nodes_of(table, nodes), time_unit)
        return Observed(len(events), events.new, len(kept) - len(events), closed)

    @torch.no_grad()
    def close(self, at: Any = None) -> int:
        """Close steps, to which no events can be added afterwards.

        Args:
            at: Close all steps that end at or before this time, a date or a number in the time unit
                of the graph, including steps without events. By default only the open step is
                closed.

        Returns:
            The number of steps that the model processes; if the task skips steps without events
            (``skip_empty``), these are not counted.

        Raises:
            GraphError: ``at`` is not a time, or more than a million steps would be closed, which
                indicates a wrong time unit.
        """
        steps = self._state.steps
        number = steps.number + 1
        if at is not None:
            ticks = self._state.schema.clock.read(pd.Series([at]), "at")
            number = steps.prepare.borders.number_of(ticks[0].item())
            if not steps.prepare.skip_empty and number - steps.number > _MANY:
                raise GraphError(
                    "at",
                    f"{number - steps.number:,} steps would close",
                    expected=f"at most {_MANY:,} at once",
                    got=str(at),
                    fix="Is this the unit of its times? If so, close them in several calls.",
                )
        return steps.close_until(number)

    def _nodes_of(self, table: Any, nodes: pd.DataFrame | None) -> pd.DataFrame | None:
        """Return the table of node features, by default that of the graph."""
        if self._state.steps.x is None or nodes is not None or not isinstance(table, TemporalGraph):
            return nodes
        if table.node_events is not None and table.node_events.x is not None:
            raise GraphError(
                "nodes",
                "features that change are not read from a graph",
                fix="Observe the events of each step with a table of features: nodes=features.",
            )
        return None if table.x is None else table.to_pandas("nodes", source_names=True)

    # ---------------------------------------------------------------- embed
    @torch.no_grad()
    def embed(self, nodes: Any = None, *, side: str = "src") -> pd.DataFrame:
        """Return the embeddings of nodes after the last closed step.

        Args:
            nodes: Labels of the nodes; by default all nodes.
            side: Id space of ``nodes`` in a graph whose sources and destinations have separate
                labels: ``"src"`` or ``"dst"``.

        Returns:
            One row per label, in the given order.

        Raises:
            GraphError: The model has no embeddings of single nodes, or a node is unknown.
        """
        window = self._state.steps.window()
        return self._embedded(nodes, side, lambda embed, ids: embed(window, ids.to(self.device)))
