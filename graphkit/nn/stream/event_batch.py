"""The columns of a batch of events that stream models read, for batches of any origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["EventColumns"]


@dataclass(frozen=True, eq=False)
class EventColumns:
    """The columns of a batch of events, in the order of the stream: by time, then event id.

    Attributes:
        src: Source nodes, int64 ``[B]``.
        dst: Destination nodes, int64 ``[B]``.
        t: Times ``[B]``, in non-decreasing order.
        edge_attr: Features of the events ``[B, edge_dim]``; ``None`` if the model reads none.
        given: The original columns of the batch, which identify the batch when it is passed again.
    """

    src: Tensor
    dst: Tensor
    t: Tensor
    edge_attr: Tensor | None = None
    given: tuple[Tensor, ...] = ()

    @classmethod
    def of(cls, batch: Any, edge_dim: int = 0) -> EventColumns:
        """Read the columns of a batch.

        The batch may list its events in any order. Events of equal time are ordered by
        ``event_id`` if the batch has it, and by their position otherwise. An ``event_id`` has no
        other use: it is a row number of some table and carries no information about the stream.

        Args:
            batch: A :class:`graphkit.data.EventBatch`, a batch of PyG's ``TemporalDataLoader``
                (whose ``msg`` is read where there is no ``edge_attr``), or anything with ``src``,
                ``dst`` and ``t``, each ``[B]``.
            edge_dim: Number of features per event that the model reads; with 0, features of the
                batch are ignored.

        Raises:
            GraphError: The columns differ in length, or the features are missing or have a
                different width.
        """
        src, dst, t, event_id = batch.src, batch.dst, batch.t, getattr(batch, "event_id", None)
        given = (src, dst, t) if event_id is None else (src, dst, t, event_id)
        shape = src.shape
        alike = dst.shape == shape and t.shape == shape
        if len(shape) != 1 or not alike or (event_id is not None and event_id.shape != shape):
            raise GraphError(
                "batch",
                "the columns do not belong together",
                expected="src, dst, t (and event_id) of one shape [B]",
                got=", ".join(str(list(column.shape)) for column in given),
            )
        edge_attr = _features(batch, shape[0], edge_dim) if edge_dim else None
        src, dst = _as_ids(src), _as_ids(dst)
        if not _known_in_order(t, event_id):
            order = _order(t, event_id)
            src, dst, t = src[order], dst[order], t[order]
            edge_attr = None if edge_attr is None else edge_attr[order]
        return cls(src, dst, t, edge_attr, given)

    def __len__(self) -> int:
        return self.src.shape[0]


def _known_in_order(t: Tensor, event_id: Tensor | None) -> bool:
    """Whether times and ids are known to be ascending, so that no sort is needed. Always false on a
    GPU, where the check would synchronise with the host."""
    if t.device.type != "cpu":
        return False
    return _rises(t.numpy()) and (event_id is None or _rises(event_id.numpy()))


def _rises(column: np.ndarray) -> bool:
    return np.count_nonzero(column[1:] < column[:-1]) == 0


def _as_ids(column: Tensor) -> Tensor:
    return column if column.dtype == torch.int64 else column.to(torch.int64)


def _order(t: Tensor, event_id: Tensor | None) -> Tensor:
    """int64 ``[B]``, the positions of the events by time, then event id, then position."""
    if event_id is None:
        return torch.argsort(t, stable=True)
    order = torch.argsort(event_id, stable=True)
    return order[torch.argsort(t[order], stable=True)]


def _features(batch: Any, size: int, edge_dim: int) -> Tensor:
    """``[B, edge_dim]``, flattened as :func:`~graphkit.nn.stream.table_rows.feature_table` does."""
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
