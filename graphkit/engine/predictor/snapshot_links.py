"""Predictor of links in the steps after training."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.checks import check_count
from graphkit.data.source_table import SourceTable
from graphkit.engine.predictor.ranked import best, check_names, ranked_table
from graphkit.engine.predictor.steps import StepPredictor
from graphkit.errors import GraphError

__all__ = ["SnapshotLinkPredictor"]

_TILE = 1 << 18  # pairs that are scored in one call


class SnapshotLinkPredictor(StepPredictor):
    """Predictor of :class:`~graphkit.SnapshotLinkPrediction`: edges of the next step.

    Predictions are for the step after the last closed step, which is the open step; they do not
    depend on events that the open step already contains. See :class:`StepPredictor` for steps.
    """

    kind: ClassVar[str] = "snapshot_links"
    tasks: ClassVar[tuple[str, ...]] = ("snapshot_link_prediction",)
    recommends: ClassVar[bool] = True

    # ---------------------------------------------------------------- score
    @torch.no_grad()
    def score(self, table: Any, *, time_unit: str | None = None, tile: int = _TILE) -> pd.DataFrame:
        """Score pairs by how likely they have an edge in the step after the last closed one.

        Args:
            table: A DataFrame, a ``pyarrow.Table`` or a :class:`~graphkit.TemporalGraph` with one
                pair per row. Times are optional; if given, they must be in the open step (with
                ``skip_empty``, in the open step or later).
            time_unit: Unit of numeric times; by default the time unit of the graph.
            tile: Maximum number of pairs scored in one call, which limits the memory.

        Returns:
            One row per row of ``table``, in the same order and with the same index: source,
            destination, time if given, ``score`` (the logit of an edge against no edge) and
            ``probability`` (its sigmoid, for pairs drawn and weighted as in training).

        Raises:
            GraphError: A column is missing, a node is unknown, or a time is in another step.
        """
        tile = check_count(tile, "tile")
        source = SourceTable.of(table, self._state.schema)
        events = self._state.schema.read(
            source.frame,
            labels=self._state.labels,
            need=(),
            time="optional",
            time_unit=time_unit,
        )
        if events.t is not None:
            self._check_times(events.in_rows(events.t).numpy())
        scores = events.in_rows(self._scores(events.src, events.dst, tile))
        columns: dict[Any, Any] = self._state.asked(source)
        check_names(columns, ("score", "probability"))
        columns["score"] = scores.numpy()
        columns["probability"] = scores.sigmoid().numpy()
        return pd.DataFrame(columns, index=source.frame.index)

    def _scores(self, src: Tensor, dst: Tensor, tile: int) -> Tensor:
        """Score pairs in chunks of at most ``tile``."""
        window, device = self._state.steps.window(), self.device
        parts = [
            self.model.link_logits(window, one.to(device), other.to(device)).float().cpu()
            for one, other in zip(src.split(tile), dst.split(tile))
            if len(one)
        ]
        return torch.cat(parts) if parts else torch.empty(0)

    def _check_times(self, t: np.ndarray) -> None:
        """Raise if a query is about a step other than the open one."""
        state, steps = self._state, self._state.steps
        if (t < steps.start).any():
            raise state.early(
                t,
                steps.start,
                state.schema.t,
                "the question is about a step that is closed",
                "Score pairs before their step is closed.",
            )
        end = steps.end
        if not steps.prepare.skip_empty and (t >= end).any():
            row = int(np.argmax(t >= end))
            raise GraphError(
                state.schema.t,
                "the question is about a step after the next one",
                row=row,
                expected=f"before {state.written(end)}",
                got=str(state.written(t[row])),
                fix="Close the steps before it, close(at=...), or leave out the column of times.",
            )

    # ---------------------------------------------------------------- recommend
    @torch.no_grad()
    def recommend(
        self,
        nodes: Any,
        k: int = 10,
        *,
        among: Any = None,
        met: bool = True,
        tile: int = _TILE,
    ) -> pd.DataFrame:
        """Return the destinations with the highest scores for each node.

        Args:
            nodes: Label or labels of the sources.
            k: Maximum number of destinations per node.
            among: Labels of the candidates; by default all destinations of the training graph and
                of the events observed since, except the node itself. If the task is ``symmetric``,
                sources are destinations too (not in a graph with two id spaces).
            met: Whether destinations that already have an edge with the node, including edges of
                the open step, are candidates.
            tile: Maximum number of pairs scored in one call, which limits the memory.

        Returns:
            At most ``k`` rows per node, best first, with the nodes in the given order: source,
            ``rank`` from 1, destination, ``score`` and ``probability``. Ties are ordered by id.

        Raises:
            GraphError: A node is unknown, or ``k`` or ``tile`` is not positive.
        """
        state = self._state
        asked, sources, among, k, tile = self._question(nodes, among, k, tile)
        found: list[tuple[Tensor, Tensor]] = []
        waiting: list[tuple[int, Tensor]] = []
        pairs = 0
        for place, node in enumerate(sources):
            waiting.append((node, state.met.candidates(node, among, met)))
            pairs += len(waiting[-1][1])
            if place == len(sources) - 1 or pairs >= tile:
                found += self._best(waiting, k, tile)
                waiting, pairs = [], 0
        return ranked_table((state.schema.src, state.schema.dst), asked, found, state.labels)

    def _best(
        self, waiting: list[tuple[int, Tensor]], k: int, tile: int
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the best candidates of several nodes, scoring their pairs together."""
        sizes = [len(candidates) for _, candidates in waiting]
        src = torch.tensor([node for node, _ in waiting]).repeat_interleave(torch.tensor(sizes))
        scores = self._scores(src, torch.cat([candidates for _, candidates in waiting]), tile)
        return [
            best(candidates, mine, k) for (_, candidates), mine in zip(waiting, scores.split(sizes))
        ]
