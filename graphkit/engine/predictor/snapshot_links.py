"""A link predictor of snapshots, used on the steps that come after training."""

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

_TILE = 1 << 18  # pairs that are scored at a time


class SnapshotLinkPredictor(StepPredictor):
    """Predictor of :class:`~graphkit.SnapshotLinkPrediction`: who has an edge in the next step.

    Answers are about the step that follows the last closed one, which is the open step; events that
    it holds already do not change them. See :class:`StepPredictor` for steps.
    """

    kind: ClassVar[str] = "snapshot_links"
    tasks: ClassVar[tuple[str, ...]] = ("snapshot_link_prediction",)
    recommends: ClassVar[bool] = True

    # ---------------------------------------------------------------- score
    @torch.no_grad()
    def score(self, table: Any, *, time_unit: str | None = None, tile: int = _TILE) -> pd.DataFrame:
        """Scores of pairs: how likely each has an edge in the step after the last closed one.

        Args:
            table: A DataFrame, a ``pyarrow.Table`` or a :class:`~graphkit.TemporalGraph`, one pair
                per row. Times need not be there; where they are, they have to lie in the open step
                (with ``skip_empty``, in it or later).
            time_unit: Unit of times that are numbers; by default that of the graph.
            tile: Largest number of pairs scored at a time, which bounds the memory.

        Returns:
            One row per row of ``table``, in its order and with its index: source, destination, time
            if there is one, ``score`` (the logit of an edge against none) and ``probability`` (its
            sigmoid, as of pairs drawn and weighted as in training).

        Raises:
            GraphError: A column is missing, a node is not known, or a time lies in another step.
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
        """Scores of pairs, a bounded number of them at a time."""
        window, device = self._state.steps.window(), self.device
        parts = [
            self.model.link_logits(window, one.to(device), other.to(device)).float().cpu()
            for one, other in zip(src.split(tile), dst.split(tile))
            if len(one)
        ]
        return torch.cat(parts) if parts else torch.empty(0)

    def _check_times(self, t: np.ndarray) -> None:
        """Refuse questions about another step than the open one."""
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
        """The destinations with the highest scores for each node.

        Args:
            nodes: Labels of sources, one or several.
            k: How many destinations; fewer where there are not so many.
            among: Labels of the candidates; by default every destination of the training graph and
                of the events observed since, but the node itself. Where the task is ``symmetric``,
                sources are destinations too (not in a graph with two id spaces).
            met: Whether destinations that the node has had an edge with are candidates, those of
                the open step among them.
            tile: Largest number of pairs scored at a time, which bounds the memory.

        Returns:
            At most ``k`` rows per node, best first, nodes in the order given: source, ``rank`` from
            1, destination, ``score`` and ``probability``. Of equal scores the smaller id is first.

        Raises:
            GraphError: A node is not known, or ``k`` or ``tile`` is not positive.
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
        """The best candidates of several nodes, whose pairs are scored together."""
        sizes = [len(candidates) for _, candidates in waiting]
        src = torch.tensor([node for node, _ in waiting]).repeat_interleave(torch.tensor(sizes))
        scores = self._scores(src, torch.cat([candidates for _, candidates in waiting]), tile)
        return [
            best(candidates, mine, k) for (_, candidates), mine in zip(waiting, scores.split(sizes))
        ]
