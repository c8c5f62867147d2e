"""Events of a batch grouped by node: two records per event, latest last."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["EventRecords", "event_records", "grouped_records"]


class EventRecords(NamedTuple):
    """The records of a batch, sorted by owner, then time, then event id.

    Attributes:
        owner: Node to which each record belongs, int64 ``[R]``.
        other: The other end of the event, int64 ``[R]``.
        t: Time of the event ``[R]``, with the data type of the input.
        event_id: Id of the event, or its number in the stream, as in the input, int64 ``[R]``.
        node: The distinct owners in ascending order, int64 ``[U]``.
        group: Index into ``node`` of each record, int64 ``[R]``.
        count: Number of records per owner, int64 ``[U]``.
        rank: Position of a record among those of its owner, 0 for the earliest, int64 ``[R]``.
        sent: Whether the owner is the source of the event, bool ``[R]``.
    """

    owner: Tensor
    other: Tensor
    t: Tensor
    event_id: Tensor
    node: Tensor
    group: Tensor
    count: Tensor
    rank: Tensor
    sent: Tensor

    @property
    def rank_from_last(self) -> Tensor:
        """Position of each record from the end, 0 for the latest of its owner, int64 ``[R]``."""
        return self.count[self.group] - 1 - self.rank


def event_records(src: Tensor, dst: Tensor, t: Tensor, event_id: Tensor) -> EventRecords:
    """Group the events of a batch by node, for both ends of every event.

    The order in which the batch lists its events does not matter: records are ordered by time, and
    within one time by event id, which is the order of the input. Every sort is stable. A self loop
    gives one record, as in :class:`graphkit.data.TemporalCSR`.

    Shapes:
        - **input:** ``src``, ``dst``, ``t``, ``event_id``, each :math:`(B)`
        - **output:** :class:`EventRecords` with :math:`B \\le R \\le 2B` records
    """
    order = torch.argsort(event_id, stable=True)
    order = order[torch.argsort(t[order], stable=True)]
    return grouped_records(src[order], dst[order], t[order], event_id[order])


def grouped_records(src: Tensor, dst: Tensor, t: Tensor, event_id: Tensor) -> EventRecords:
    """Equal to :func:`event_records`, for events that are already sorted."""
    # Interleaved, not concatenated: a node's records as source and as destination keep their order.
    owner = torch.stack([src, dst], dim=1).flatten()
    other = torch.stack([dst, src], dim=1).flatten()
    once = torch.stack([torch.ones_like(src, dtype=torch.bool), src != dst], dim=1).flatten()
    row = once.nonzero().flatten()
    row = row[torch.argsort(owner[row], stable=True)]
    owner, other, event = owner[row], other[row], row.div(2, rounding_mode="floor")
    node, group, count = torch.unique_consecutive(owner, return_inverse=True, return_counts=True)
    first = count.cumsum(0) - count
    rank = torch.arange(owner.numel(), device=owner.device) - first[group]
    sent = row % 2 == 0
    return EventRecords(owner, other, t[event], event_id[event], node, group, count, rank, sent)
