"""Queries of link prediction: batches of events, with the candidates of each event in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from graphkit.data.batches import EventBatch

if TYPE_CHECKING:
    from graphkit.data import TemporalGraph

__all__ = ["Query", "QueryStream"]

# Number of candidates drawn at once (8 MiB of ids): enough for all negatives of a small split,
# while the candidates of a large split are drawn in parts.
_CELLS = 1 << 20


class Sampler(Protocol):
    """A sampler of negatives: a pure function of the seed, the epoch and the event ids.

    A sampler with a true attribute ``redraws_source`` also has ``sources(batch) -> [B, num]``, the
    sources of its negatives.
    """

    def sample(self, batch: EventBatch, num: int) -> Tensor: ...


class Query:
    """The queries of one batch, and the events of the batch.

    Attributes:
        src: Sources, int64 ``[B]``.
        dst: Candidate destinations, int64 ``[B, C]``: the true destination in column 0, negatives
            in the others.
        t: Times, ``[B]``.
        events: The whole batch, which is passed to ``observe`` after it has been scored. It has
            more than ``B`` events if only some of them are queries.
        first: Position of row 0 among all queries of the split.
        others: Sources of the last columns of ``dst``, int64 ``[B, R]``, for negatives with another
            source than the event; ``None`` if all candidates have the source ``src``.
    """

    __slots__ = ("dst", "events", "first", "others", "src", "t")

    def __init__(
        self,
        src: Tensor,
        dst: Tensor,
        t: Tensor,
        events: EventBatch,
        first: int,
        others: Tensor | None = None,
    ) -> None:
        self.src = src
        self.dst = dst
        self.t = t
        self.events = events
        self.first = first
        self.others = others

    def __len__(self) -> int:
        return self.src.shape[0]

    def shard(self, rank: int, world: int) -> Query:
        """Return the contiguous rows of one of ``world`` processes, with all events."""
        total = len(self)
        a, b = total * rank // world, total * (rank + 1) // world
        others = None if self.others is None else self.others[a:b]
        return Query(self.src[a:b], self.dst[a:b], self.t[a:b], self.events, self.first + a, others)


@dataclass(frozen=True)
class QueryStream:
    """All queries of one split, in stream order.

    Negatives are drawn for many batches at a time and split into views, so that a batch costs only
    a few slices.

    Args:
        graph: The events of the split.
        negatives: Pairs of a sampler and its number of negatives per event; the columns of
            :attr:`Query.dst` follow this order. Samplers that redraw the source come last.
        batch_size: Number of events per batch.
        asked: Boolean mask of the events that are scored, ``[E]``; by default all. The others are
            only observed.
        device: Device of the batches.
    """

    graph: TemporalGraph
    negatives: Sequence[tuple[Sampler, int]]
    batch_size: int
    asked: Tensor | None = None
    device: torch.device | str = "cpu"

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self.graph) // self.batch_size)

    @property
    def num_events(self) -> int:
        """Number of events in the split."""
        return len(self.graph)

    @property
    def num_queries(self) -> int:
        """Number of scored events."""
        return len(self.graph) if self.asked is None else int(self.asked.sum())

    def __iter__(self) -> Iterator[Query]:
        return self.start()

    def start(self, batch: int = 0) -> Iterator[Query]:
        """Iterate over the queries from a batch on; they do not depend on the starting batch."""
        size = self.batch_size
        columns = 1 + sum(num for _, num in self.negatives)
        step = max(1, _CELLS // (size * columns)) * size
        begin = (batch * size // step) * step
        skip = batch - begin // size
        first = begin if self.asked is None else int(self.asked[:begin].sum())
        for start in range(begin, len(self.graph), step):
            for query in self._chunk(start, min(start + step, len(self.graph)), first):
                first = query.first + len(query)
                if skip:
                    skip -= 1
                    continue
                yield query

    def _chunk(self, start: int, stop: int, first: int) -> Iterator[Query]:
        events = self.graph[start:stop].batches(size=stop - start)[0].to(self.device)
        names = [f.name for f in fields(EventBatch)]
        parts = [_cut(getattr(events, name), self.batch_size) for name in names]
        if self.asked is None:
            asked, sizes = events, self.batch_size
        else:
            mask = self.asked[start:stop]
            asked = events[mask.to(events.src.device)]
            sizes = [int(part.sum()) for part in mask.cpu().split(self.batch_size)]
        drawn = [sampler.sample(asked, num) for sampler, num in self.negatives]
        dst = torch.cat([asked.dst.unsqueeze(1), *(d.to(asked.dst.device) for d in drawn)], dim=1)
        redrawn = [s.sources(asked) for s, _ in self.negatives if _redraws_source(s)]
        others = torch.cat(redrawn, dim=1).split(sizes) if redrawn else None
        rows = zip(asked.src.split(sizes), dst.split(sizes), asked.t.split(sizes))
        for index, (src, candidates, t) in enumerate(rows):
            batch = EventBatch(*(None if p is None else p[index] for p in parts))
            yield Query(src, candidates, t, batch, first, others and others[index])
            first += src.shape[0]


def _redraws_source(sampler: Sampler) -> bool:
    return getattr(sampler, "redraws_source", False)


def _cut(column: Tensor | None, size: int) -> tuple[Tensor, ...] | None:
    return None if column is None else column.split(size)
