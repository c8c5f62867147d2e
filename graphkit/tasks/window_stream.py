"""Batches of windows of one subset of a split."""

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
    """Windows with their targets.

    Attributes:
        x: Model input: scaled readings ``[B, history, N, C]``, 0 for missing readings.
        y: Targets, one row per window.
        y_mask: Boolean mask of the known targets, of the shape of ``y``; ``None`` if all are known.
        x_mask: Boolean mask of the observed and interpolated readings, of the shape of ``x``;
            ``None`` if there is no mask.
        covariates: Covariates of every row of the window, ``[B, rows, K]``, or ``None``.
        recording: Recording of each window, int64 ``[B]``.
        first: Position of row 0 among all windows of the stream.
        events: Always ``None``, because there is nothing to observe.
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
        """Return the contiguous windows of one of ``world`` processes."""
        a, b = len(self) * rank // world, len(self) * (rank + 1) // world
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        cut = {k: v[a:b] if isinstance(v, Tensor) else v for k, v in values.items()}
        return WindowQuery(**{**cut, "first": self.first + a})


@dataclass(frozen=True)
class WindowStream:
    """Batches of windows in a given order.

    Args:
        index: Numbers of the windows in stream order, int64 ``[Q]``.
        batch_size: Number of windows per batch.
        query: Function ``query(index, first)`` that creates the :class:`WindowQuery` of windows.
    """

    index: Tensor
    batch_size: int
    query: Callable[[Tensor, int], Any]

    def __len__(self) -> int:
        return -(-self.num_queries // self.batch_size)

    @property
    def num_events(self) -> int:
        """Number of windows."""
        return self.num_queries

    @property
    def num_queries(self) -> int:
        """Number of windows."""
        return self.index.numel()

    def __iter__(self) -> Iterator[Any]:
        return self.start()

    def start(self, batch: int = 0) -> Iterator[Any]:
        """Iterate over the batches from ``batch`` on; they do not depend on the starting batch."""
        for first in range(batch * self.batch_size, self.num_queries, self.batch_size):
            yield self.query(self.index[first : first + self.batch_size], first)


def shuffled(index: Tensor, seed: int, epoch: int) -> Tensor:
    """Return windows in an order that depends only on the seed and the epoch."""
    draw = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return index[torch.randperm(index.numel(), generator=draw)]
