"""A link predictor of a stream, used on the events that come after training."""

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

_TILE = 1 << 16  # pairs of one source that are scored at a time
_ROWS = 1 << 12  # pairs of many sources, and nodes, at a time


class StreamPredictor(EventPredictor):
    """Predictor of :class:`~graphkit.LinkPrediction`: who interacts with whom next.

    Tables have the columns of the table that the graph was built from, by name, in any order; of a
    graph without names ``src``, ``dst`` and ``t``. Times are dates, or numbers in the graph's unit
    (``time_unit=`` names another one).

    The model sees a stream in batches of :attr:`batch_size` events, counted from the beginning of
    each call; at the same borders its scores are those of one long stream.
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
        """Scores of pairs: how likely each source interacts with its destination at that time.

        Args:
            table: A DataFrame, a ``pyarrow.Table`` or a :class:`~graphkit.TemporalGraph`, one pair
                per row. Without a column of times the pairs are scored as of the last event
                observed.
            observe: Take the rows for events that have happened: they need times and features,
                every batch of them is scored and then observed, and new nodes are admitted.
            against: Labels of further destinations for each row, ``[rows, C]``, to be scored at the
                same time as the row's own: negatives, or candidates to rank it among.
            nodes: Features of new nodes, see :meth:`observe`.
            late: What to do about events that are too late, see :meth:`observe`.
            time_unit: Unit of times that are numbers; by default that of the graph.

        Returns:
            One row per row of ``table``, in its order and with its index: source, destination and
            time, ``score`` (a logit) and ``probability`` (its sigmoid: how likely the pair is an
            event rather than a negative as in training). With ``against`` also ``score_1`` to
            ``score_C``. Scores of dropped events are NaN.

        Raises:
            GraphError: A column is missing or does not fit, a node is not known (with ``observe``
                it is admitted), or a time is earlier than that of the last event observed.
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
        """int64 ``[kept rows, C]``, ids of the destinations that rows are compared with."""
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
        """Scores ``[E, 1 + C]``, a bounded number of pairs at a time."""
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
        """Scores beside the columns of the table that they are about, in its order."""
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
        """Advance the state by events that have happened.

        Args:
            table: As for :meth:`score`, with times, and with the features that the model reads.
            nodes: Features of new nodes by name, the labels in the index, where the model reads
                features of nodes. Rows of nodes that are not new are not read.
            late: What to do about events before the last one observed: ``"raise"``; ``"drop"``
                them; or ``"insert"`` them, which models can whose state does not depend on the
                order of events (``accepts_late``).
            time_unit: Unit of times that are numbers; by default that of the graph.

        Returns:
            The number of events observed and of those dropped, and the labels of new nodes.

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
        """The destinations with the highest scores for each node.

        Args:
            nodes: Labels of sources, one or several.
            k: How many destinations; fewer where there are not so many.
            at: Time of the question, a date or a number in the graph's unit, at or after the last
                event observed; by default that of the last event.
            among: Labels of the candidates; by default every destination of the training graph and
                of the events observed since, but the node itself.
            met: Whether destinations that the node has interacted with are candidates.
            tile: Largest number of pairs scored at a time, which bounds the memory.

        Returns:
            At most ``k`` rows per node, best first, nodes in the order given: source, ``rank`` from
            1, destination, ``score`` and ``probability``. Of equal scores the smaller id is first.

        Raises:
            GraphError: A node is not known, ``k`` or ``tile`` is not positive, or ``at`` is earlier
                than the last event observed.
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
        """Scores of one source with many destinations."""
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
        """What the model knows of nodes, as vectors.

        Args:
            nodes: Labels; all nodes by default.
            at: As for :meth:`recommend`; matters to models whose vectors change with time.
            side: In a graph whose sources and destinations have separate labels, which of them
                ``nodes`` are: ``"src"`` or ``"dst"``.

        Returns:
            One row per label, in the order given.

        Raises:
            GraphError: The model has no representation of a single node, or a node is not known.
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
    """Whether it is a list of lists, or an array of two dimensions."""
    if isinstance(rows, str) or not hasattr(rows, "__iter__"):
        return False
    return all(hasattr(row, "__iter__") and not isinstance(row, (str, bytes)) for row in rows)
