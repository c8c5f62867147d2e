"""What a stream model reads of a batch of events, whoever made the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["EventColumns"]


@dataclass(frozen=True, eq=False)
class EventColumns:
    """The columns of a batch of events.

    Attributes:
        src: int64 ``[B]``.
        dst: int64 ``[B]``.
        t: ``[B]``, as given.
        event_id: int64 ``[B]``, or ``None``. It orders events of equal time, and nothing else: an
            id is a place in some table, and says nothing about the stream.
        edge_attr: ``[B, edge_dim]`` features of the events, ``None`` if the model reads none.
    """

    src: Tensor
    dst: Tensor
    t: Tensor
    event_id: Tensor | None = None
    edge_attr: Tensor | None = None

    @classmethod
    def of(cls, batch: Any, edge_dim: int = 0) -> EventColumns:
        """The columns of a batch.

        Args:
            batch: A :class:`graphkit.data.EventBatch`, a batch of PyG's ``TemporalDataLoader``
                (whose ``msg`` is read where there is no ``edge_attr``), or anything with ``src``,
                ``dst`` and ``t``, each ``[B]``.
            edge_dim: Number of features that the model reads of an event; 0: whatever the batch
                has is left alone.

        Raises:
            GraphError: The columns differ in length, the features are missing or of another width.
        """
        src, dst, t = batch.src, batch.dst, batch.t
        if not src.shape == dst.shape == t.shape or src.dim() != 1:
            raise GraphError(
                "batch",
                "the columns do not belong together",
                expected="src, dst and t of one shape [B]",
                got=f"{list(src.shape)}, {list(dst.shape)} and {list(t.shape)}",
            )
        edge_attr = _features(batch, src.shape[0], edge_dim) if edge_dim else None
        src, dst = src.to(torch.int64), dst.to(torch.int64)
        return cls(src, dst, t, getattr(batch, "event_id", None), edge_attr)

    def __len__(self) -> int:
        return self.src.shape[0]

    def order(self) -> Tensor:
        """int64 ``[B]``, the positions of the events by time, then event id, then position."""
        if self.event_id is None:
            return torch.argsort(self.t, stable=True)
        order = torch.argsort(self.event_id, stable=True)
        return order[torch.argsort(self.t[order], stable=True)]


def _features(batch: Any, size: int, edge_dim: int) -> Tensor:
    """``[B, edge_dim]``, flattened as :func:`~graphkit.nn.stream.feature_table` does."""
    name, value = "edge_attr", getattr(batch, "edge_attr", None)
    if value is None:
        name, value = "msg", getattr(batch, "msg", None)
    if value is None:
        raise GraphError(
            "edge_attr",
            "the events come without features",
            expected=f"[{size}, {edge_dim}], as this model was made with edge_dim={edge_dim}",
            fix="Give the batch edge_attr (or msg), or make the model with edge_dim=0.",
        )
    rows = value.unsqueeze(1) if value.dim() == 1 else value.flatten(1)
    if rows.shape != (size, edge_dim):
        raise GraphError(
            name,
            "the features of the events have another shape",
            expected=f"[{size}, {edge_dim}], as this model was made with edge_dim={edge_dim}",
            got=list(value.shape),
        )
    return rows
