"""What the predictors of snapshots have in common: steps that are open, then closed."""

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

_MANY = 1_000_000  # steps to close at once, beyond which a wrong unit of time is more likely


class StepPredictor(EventPredictor):
    """A predictor whose model sees a stream in steps.

    Steps are those of training and go on behind them: step 0 begins where the training data begins,
    and later events continue the count. Steps that are closed are what the model has seen. One step
    is open: :meth:`observe` adds events to it. It is closed by an event of a later step or by
    :meth:`close`, never by a question, and then cannot change any more.

    A new predictor has closed all steps of its task's timeline, the last one too; with
    ``until="val"`` those that are known when the first question of the test is asked. A carried
    state is made again up to there, by the model's present parameters.

    Tables have the columns of the table that the graph was built from, by name, in any order.
    Where features of nodes are those of the graph (``features="x"``), they stay as they are until
    ``nodes=`` brings others.
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
        """The step that later events fall into: its number, where it begins and ends, and how many
        events it holds."""
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
        """Add events that have happened to the open step; those of later steps close it.

        Args:
            table: A DataFrame, a ``pyarrow.Table`` or a :class:`~graphkit.TemporalGraph` with
                times; with ``features="reputation"`` also with classes of the events.
            nodes: With ``features="x"``: features by name, one row per node, the labels in the
                index. New nodes need a row; by default the features of ``table`` are taken, if it
                is a graph. Where features change with time (node events), rows of other nodes
                replace their features, from the step of the first event on (the open one if there
                is no event); where they do not, such rows are not read.
            late: What to do about events before the open step: ``"raise"``, or ``"drop"`` them.
            time_unit: Unit of times that are numbers; by default that of the graph.

        Returns:
            The number of events observed and of those dropped, the labels of new nodes, and the
            number of steps that were closed.

        Raises:
            GraphError: A column is missing or does not fit, an event lies in a closed step, or a
                new node has no features or cannot be taken in. Nothing is observed then.
        """
        state = self._state
        source = SourceTable.of(table, state.schema)
        kept = state.in_time(source, late, time_unit)
        frame = source.frame if kept.all() else source.frame[kept]
        events, closed = state.observe(frame, self._nodes_of(table, nodes), time_unit)
        return Observed(len(events), events.new, len(kept) - len(events), closed)

    @torch.no_grad()
    def close(self, at: Any = None) -> int:
        """Close steps: no more events of them will come.

        Args:
            at: Close all steps that are over at this time, a date or a number in the graph's unit:
                steps without an event pass, too. By default the open step is closed.

        Returns:
            The number of steps that the model is shown for it; where the task leaves out steps
            without an event (``skip_empty``), these do not count.

        Raises:
            GraphError: ``at`` is not a time, or more than a million steps would close, which a
                wrong unit of time makes likely.
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
        """The table of features of nodes, which may come with a graph."""
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
        """What the model knows of nodes after the last closed step, as vectors.

        Args:
            nodes: Labels; all nodes by default.
            side: In a graph whose sources and destinations have separate labels, which of them
                ``nodes`` are: ``"src"`` or ``"dst"``.

        Returns:
            One row per label, in the order given.

        Raises:
            GraphError: The model has no representation of a single node, or a node is not known.
        """
        window = self._state.steps.window()
        return self._embedded(nodes, side, lambda embed, ids: embed(window, ids.to(self.device)))
