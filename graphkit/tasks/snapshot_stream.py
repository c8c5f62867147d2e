"""Queries about the steps of a timeline, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphkit.nn.snapshot import Snapshot
from graphkit.tasks.snapshot_timeline import Timeline

__all__ = ["SnapshotQuery", "SnapshotStream"]


@dataclass
class SnapshotQuery:
    """The question of one step.

    Attributes:
        step: The step whose embeddings answer.
        snapshots: What the model sees, that step last.
        src, dst, label: Labelled pairs of nodes, int64 ``[M]``; of nodes alone, twice the same.
        first: Position of row 0 among all queries of the split.
        rows: Rows of scores that the query gives.
        events: The snapshot that a carried state moves past, ``None`` in a window.
        whole: Whether all pairs are ranked, one row of scores for the step; otherwise each labelled
            pair has a row.
    """

    step: int
    snapshots: list[Snapshot]
    src: Tensor
    dst: Tensor
    label: Tensor
    first: int
    rows: int
    events: Snapshot | None
    whole: bool = False

    def __len__(self) -> int:
        return self.rows

    def shard(self, rank: int, world: int) -> SnapshotQuery:
        """The shard of one of ``world`` processes: some of the pairs; of ranked steps, every
        ``world``-th one."""
        changes = dict(vars(self))
        if self.whole:
            changes["rows"] = int(self.first % world == rank)
            return SnapshotQuery(**changes)
        a, b = self.rows * rank // world, self.rows * (rank + 1) // world
        for name in ("src", "dst", "label"):
            changes[name] = changes[name][a:b]
        return SnapshotQuery(**{**changes, "first": self.first + a, "rows": b - a})


@dataclass(frozen=True)
class SnapshotStream:
    """The steps of a split in order, one query each.

    Args:
        timeline: What a model sees.
        steps: The steps.
        pairs: ``pairs(step) -> (src, dst, label)``.
        sizes: Rows of each step's query (of pairs that are drawn: as many as can be asked for).
        events: Edges in the split, what rates are about.
        whole: See :class:`SnapshotQuery`.
        device: Where the queries go.
    """

    timeline: Timeline
    steps: range
    pairs: Any
    sizes: list[int]
    events: int
    whole: bool
    device: torch.device | str = "cpu"

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def num_events(self) -> int:
        """Edges that are asked about."""
        return self.events

    @property
    def num_queries(self) -> int:
        """Rows of scores."""
        return sum(self.sizes)

    def __iter__(self) -> Iterator[SnapshotQuery]:
        return self.start()

    def start(self, batch: int = 0) -> Iterator[SnapshotQuery]:
        """The queries from a step on; what comes does not depend on where it starts."""
        first = sum(self.sizes[:batch])
        for step, rows in zip(self.steps[batch:], self.sizes[batch:]):
            seen = self.timeline.seen(step, self.device)
            pairs = [part.to(self.device) for part in self.pairs(step)]
            if not self.whole:
                rows = len(pairs[0])
            events = seen[0] if self.timeline.mode == "carry" else None
            yield SnapshotQuery(step, seen, *pairs, first, rows, events, self.whole)
            first += rows
