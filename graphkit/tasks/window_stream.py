"""Windows of one subset of a split, batch by batch, as the engine asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from graphkit import renamed

__all__ = ["WindowQuery", "WindowStream", "shuffled"]


@renamed.old_attributes("WindowQuery")
@dataclass(frozen=True)
class WindowQuery:
    """Some windows and what is asked about them.

    Attributes:
        x: What a model sees: scaled readings ``[B, history, N, C]``, 0 where one is missing.
        y: The truth, one row per window.
        y_mask: bool, shape of ``y``: where the truth is known; ``None`` if everywhere.
        x_mask: bool, shape of ``x``: what was observed; ``None`` if everything.
        covariates: ``[B, rows, K]`` of every row of the window, ``None`` if there are none.
        recording: int64 ``[B]``, the recording that each window lies in.
        first: Position of row 0 among all windows of the stream.
        events: None: there is nothing to observe.
    """

    x: Tensor
    y: Tensor
    y_mask: Tensor | None = None
    x_mask: Tensor | None = None
    covariates: Tensor | None = None
    recording: Tensor | None = None
    first: int = 0
    events: None = None

    def __len__(self) -> int:
        return self.x.shape[0]

    def shard(self, rank: int, world: int) -> WindowQuery:
        """The contiguous windows that belong to one of ``world`` processes."""
        a, b = len(self) * rank // world, len(self) * (rank + 1) // world
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        cut = {k: v[a:b] if isinstance(v, Tensor) else v for k, v in values.items()}
        return WindowQuery(**{**cut, "first": self.first + a})


@dataclass(frozen=True)
class WindowStream:
    """Batches of windows in a given order.

    Args:
        index: int64 ``[Q]``, numbers of windows in the order in which they come.
        batch_size: Windows per batch.
        query: ``query(index, first)`` makes the :class:`WindowQuery` of some windows.
    """

    index: Tensor
    batch_size: int
    query: Callable[[Tensor, int], Any]

    def __len__(self) -> int:
        return -(-self.num_queries // self.batch_size)

    @property
    def num_events(self) -> int:
        """Windows."""
        return self.num_queries

    @property
    def num_queries(self) -> int:
        """Windows."""
        return self.index.numel()

    def __iter__(self) -> Iterator[Any]:
        return self.start()

    def start(self, batch: int = 0) -> Iterator[Any]:
        """The batches from one on; they do not depend on where it starts."""
        for first in range(batch * self.batch_size, self.num_queries, self.batch_size):
            yield self.query(self.index[first : first + self.batch_size], first)


def shuffled(index: Tensor, seed: int, epoch: int) -> Tensor:
    """Windows in an order that only the seed and the epoch decide."""
    draw = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return index[torch.randperm(index.numel(), generator=draw)]
