"""A batch of events seen from the nodes: two records per event, grouped by node, latest last."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["EventRecords", "event_records", "grouped_records"]


class EventRecords(NamedTuple):
    """The records of a batch, sorted by owner, then time, then event id.

    Attributes:
        owner: int64 ``[R]``, the node whose record it is.
        other: int64 ``[R]``, the other end of the event.
        t: ``[R]``, time of the event, dtype as given.
        event_id: int64 ``[R]``, as given: an id, or the event's number in the stream.
        node: int64 ``[U]``, the distinct owners, ascending.
        group: int64 ``[R]``, row of ``node`` that a record belongs to.
        count: int64 ``[U]``, records per owner.
        rank: int64 ``[R]``, position of a record among its owner's, 0 for the earliest.
        sent: bool ``[R]``, whether the owner is the event's source.
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
        """int64 ``[R]``, 0 for the latest record of its owner."""
        return self.count[self.group] - 1 - self.rank


def event_records(src: Tensor, dst: Tensor, t: Tensor, event_id: Tensor) -> EventRecords:
    """Groups the events of a batch by node, for both ends of every event.

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
    """As :func:`event_records`, for events that are in order already."""
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
