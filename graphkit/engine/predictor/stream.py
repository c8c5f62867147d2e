"""Predictor of links in a stream after training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphkit.data.schema import EventTable
from graphkit.data.source_table import SourceTable
from graphkit.engine.predictor.event_predictor import EventPredictor
from graphkit.engine.predictor.observed import Observed
from graphkit.engine.predictor.ranked import best, check_names, ranked_table
from graphkit.engine.predictor.stream_state import StreamState
from graphkit.errors import GraphError
from graphkit.nn.caching.unchanged import tensors_unchanged

__all__ = ["StreamPredictor"]

_TILE = 1 << 16  # pairs of one source that are scored in one call
_ROWS = 1 << 12  # pairs of several sources, or nodes, in one call


class StreamPredictor(EventPredictor):
    """Predictor of :class:`~graphkit.LinkPrediction`: future interactions between nodes.

    Tables have the columns of the table that the graph was built from, identified by name, in any
    order; for a graph without column names these are ``src``, ``dst`` and ``t``. Times are dates,
    or numbers in the time unit of the graph (another unit is given by ``time_unit``).

    The model processes a stream in batches of :attr:`batch_size` events, counted from the start of
    each call. With equal batch borders, the scores of several calls equal those of one long stream.
    """

    kind: ClassVar[str] = "stream"
    tasks: ClassVar[tuple[str, ...]] = ("link_prediction",)

    _state: StreamState

    # ---------------------------------------------------------------- what is kept
    def _adopt(self, task: Any, before: str | None) -> None:
        self._state = StreamState.of_task(self.model, task, self.batch_size, before)

    def _restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self._state = StreamState.restored(self.model, facts, tensors)

    # ---------------------------------------------------------------- score
    @tensors_unchanged()
    @torch.no_grad()
    def score(
        self,
        table: Any,
        *,
        observe: bool = False,
        against: Any = None,
        nodes: pd.DataFrame | None = None,
        late: str = "raise",
        time_unit: str | None = None,
    ) -> pd.DataFrame:
        """Score pairs by how likely each source interacts with its destination at the given time.

        Args:
            table: A DataFrame, a ``pyarrow.Table`` or a :class:`~graphkit.TemporalGraph` with one
                pair per row. Without a time column the pairs are scored at the time of the last
                observed event.
            observe: Whether the rows are events that have occurred. They then require times and
                features, each batch is scored and then observed, and new nodes are added.
            against: Labels of additional destinations for each row, ``[rows, C]``, scored at the
                time of the row, such as negatives or candidates for ranking.
            nodes: Features of new nodes, see :meth:`observe`.
            late: Handling of late events, see :meth:`observe`.
            time_unit: Unit of numeric times; by default the time unit of the graph.

        Returns:
            One row per row of ``table``, in the same order and with the same index: source,
            destination and time, ``score`` (a logit) and ``probability`` (its sigmoid, the
            probability that the pair is an event and not a negative drawn as in training). With
            ``against`` also ``score_1`` to ``score_C``. Scores of dropped events are NaN.

        Raises:
            GraphError: A column is missing or does not fit, a node is unknown (with ``observe``,
                new nodes are added instead), or a time is earlier than the last observed event.
        """
        source = SourceTable.of(table, self._state.schema)
        kept = np.ones(len(source), dtype=bool)
        if observe:
            kept = self._state.in_time(source, late, time_unit)
            frame = source.frame if kept.all() else source.frame[kept]
            events = self._state.admit(frame, nodes, time_unit, self._state.needed())
            others = self._others(against, kept)
            scores = self._state.go_on(events, self.batch_size, others[events.order])
        else:
            others = self._others(against, kept)
            events = self._state.schema.read(
                source.frame,
                labels=self._state.labels,
                need=(),
                time="optional",
                time_unit=time_unit,
            )
            scores = self._score_pairs(events, others[events.order])
        return self._answer(source, kept, events, scores)

    def _others(self, against: Any, kept: np.ndarray) -> Tensor:
        """Return the ids of the additional destinations of the kept rows, int64 ``[rows, C]``."""
        if against is None:
            return torch.empty(int(kept.sum()), 0, dtype=torch.int64)
        rows = against.to_numpy() if isinstance(against, pd.DataFrame) else against
        listed = [list(row) for row in rows] if _nested(rows) else []
        sizes = {len(row) for row in listed}
        if len(listed) != len(kept) or len(sizes) > 1:
            raise GraphError(
                "against",
                "not the same number of labels for each row",
                expected=f"labels of destinations, [{len(kept)}, C]",
                got=f"rows of {' or '.join(map(str, sorted(sizes)))} labels"
                if len(sizes) > 1
                else list(np.shape(rows)),
            )
        flat = [label for row in listed for label in row]
        ids = self._state.labels.ids(flat, "against", side=1).reshape(len(listed), -1)
        return torch.from_numpy(ids[kept])

    def _score_pairs(self, events: EventTable, others: Tensor) -> Tensor:
        """Compute scores ``[E, 1 + C]`` in chunks of a limited number of pairs."""
        t = events.t
        if t is None:
            t = self._state.time_of(None).expand(len(events))
        else:
            self._state.check_times(events.in_rows(t).numpy(), self._state.schema.t)
        dst = torch.cat([events.dst.unsqueeze(1), others], dim=1)
        rows = max(1, _ROWS // dst.shape[1])
        parts = [
            self.model.score(*(v.to(self.device) for v in chunk)).float().cpu()
            for chunk in zip(events.src.split(rows), dst.split(rows), t.split(rows))
            if len(chunk[0])
        ]
        return torch.cat(parts) if parts else torch.empty(dst.shape)

    def _answer(
        self, source: SourceTable, kept: np.ndarray, events: EventTable, scores: Tensor
    ) -> pd.DataFrame:
        """Combine scores with the identifying columns of the table, in the order of the table."""
        found = torch.full((len(kept), scores.shape[1]), torch.nan)
        found[torch.from_numpy(kept)] = events.in_rows(scores)
        columns: dict[Any, Any] = self._state.asked(source)
        more = [f"score_{c}" for c in range(1, scores.shape[1])]
        check_names(columns, ("score", "probability", *more))
        columns["score"] = found[:, 0].numpy()
        columns["probability"] = found[:, 0].sigmoid().numpy()
        columns |= {name: found[:, c].numpy() for c, name in enumerate(more, start=1)}
        return pd.DataFrame(columns, index=source.frame.index)

    # ---------------------------------------------------------------- observe
    @tensors_unchanged()
    @torch.no_grad()
    def observe(
        self,
        table: Any,
        nodes: pd.DataFrame | None = None,
        *,
        late: str = "raise",
        time_unit: str | None = None,
    ) -> Observed:
        """Update the state with events that have occurred.

        Args:
            table: As for :meth:`score`, with times and with the features that the model reads.
            nodes: Features of new nodes with one named column per feature, indexed by label, if the
                model reads node features. Rows of known nodes are ignored.
            late: Handling of events before the last observed event: ``"raise"``, ``"drop"``, or
                ``"insert"``, which is supported by models whose state does not depend on the order
                of events (``accepts_late``).
            time_unit: Unit of numeric times; by default the time unit of the graph.

        Returns:
            The numbers of observed and dropped events, and the labels of new nodes.

        Raises:
            GraphError: As for :meth:`score`; or a new node has no features. Nothing is observed
                then.
        """
        source = SourceTable.of(table, self._state.schema)
        kept = self._state.in_time(source, late, time_unit)
        frame = source.frame if kept.all() else source.frame[kept]
        events = self._state.admit(frame, nodes, time_unit, self._state.needed())
        self._state.go_on(events, self.batch_size)
        return Observed(len(events), events.new, len(kept) - len(events))

    # ---------------------------------------------------------------- recommend
    @torch.no_grad()
    def recommend(
        self,
        nodes: Any,
        k: int = 10,
        *,
        at: Any = None,
        among: Any = None,
        met: bool = True,
        tile: int = _TILE,
    ) -> pd.DataFrame:
        """Return the destinations with the highest scores for each node.

        Args:
            nodes: Label or labels of the sources.
            k: Maximum number of destinations per node.
            at: Time of the query, a date or a number in the time unit of the graph, not before the
                last observed event; by default the time of the last observed event.
            among: Labels of the candidates; by default all destinations of the training graph and
                of the events observed since, except the node itself.
            met: Whether destinations that the node has already interacted with are candidates.
            tile: Maximum number of pairs scored in one call, which limits the memory.

        Returns:
            At most ``k`` rows per node, best first, with the nodes in the given order: source,
            ``rank`` from 1, destination, ``score`` and ``probability``. Ties are ordered by id.

        Raises:
            GraphError: A node is unknown, ``k`` or ``tile`` is not positive, or ``at`` is earlier
                than the last observed event.
        """
        asked, sources, among, k, tile = self._question(nodes, among, k, tile)
        t = self._state.time_of(at)
        found = []
        for node in sources:
            mine = self._state.met.candidates(node, among, met)
            found.append(best(mine, self._score_one(node, mine, t, tile), k))
        names = (self._state.schema.src, self._state.schema.dst)
        return ranked_table(names, asked, found, self._state.labels)

    def _score_one(self, node: int, candidates: Tensor, t: Tensor, tile: int) -> Tensor:
        """Score one source with many destinations."""
        src = torch.tensor([node], device=self.device)
        parts = [
            self.model.score(src, part.to(self.device).unsqueeze(0), t.to(self.device))[0]
            for part in candidates.split(tile)
            if len(part)
        ]
        return torch.cat(parts).float().cpu() if parts else torch.empty(0)

    # ---------------------------------------------------------------- embed
    @torch.no_grad()
    def embed(self, nodes: Any = None, at: Any = None, *, side: str = "src") -> pd.DataFrame:
        """Return the embeddings of nodes.

        Args:
            nodes: Labels of the nodes; by default all nodes.
            at: As for :meth:`recommend`; affects only models whose embeddings change with time.
            side: Id space of ``nodes`` in a graph whose sources and destinations have separate
                labels: ``"src"`` or ``"dst"``.

        Returns:
            One row per label, in the given order.

        Raises:
            GraphError: The model has no embeddings of single nodes, or a node is unknown.
        """
        t = self._state.time_of(at)

        def in_parts(embed: Any, ids: Tensor) -> Tensor:
            parts = [
                embed(part.to(self.device), t.expand(len(part)).to(self.device)).float().cpu()
                for part in ids.split(_ROWS)
            ]
            return torch.cat(parts)

        return self._embedded(nodes, side, in_parts)


def _nested(rows: Any) -> bool:
    """Whether the value is a list of lists or a two-dimensional array."""
    if isinstance(rows, str) or not hasattr(rows, "__iter__"):
        return False
    return all(hasattr(row, "__iter__") and not isinstance(row, (str, bytes)) for row in rows)
