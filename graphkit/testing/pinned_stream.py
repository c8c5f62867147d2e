"""A small stream with features for which outputs of published implementations are known."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.testing.rule_f import rule_f_values

__all__ = ["pinned_queries", "pinned_stream"]


def pinned_stream() -> TemporalGraph:
    """A bipartite stream of 60 events with 12 features per node and event.

    Event k has source ``1 + (k^2 + 3k) mod 5``, destination ``6 + (7k + floor(k / 3)) mod 6`` and
    time ``100 k + 10 (k mod 3)``. Features are 2 times :func:`~graphkit.testing.rule_f_values`.
    Node 0 has no event and features 0: in the published implementations it is the padding node.
    Row 0 of their event features is padding as well, so that event k has row k + 1.
    """
    k = torch.arange(60)
    x = 2 * rule_f_values(12, 12).float()
    edge_attr = 2 * rule_f_values(61, 12).float()
    x[0] = 0
    return TemporalGraph(
        1 + (k * k + 3 * k) % 5,
        6 + (7 * k + k // 3) % 6,
        100 * k + 10 * (k % 3),
        num_nodes=12,
        x=x,
        edge_attr=edge_attr[1:],
    )


def pinned_queries() -> tuple[Tensor, Tensor, Tensor]:
    """Sources, destinations and times ``[4]`` of the queries on :func:`pinned_stream`.

    They are asked after the last event, at 6100; nodes 2 and 3 have no events.
    """
    return torch.tensor([1, 2, 3, 4]), torch.tensor([6, 7, 8, 11]), torch.full((4,), 6_100)
