"""The split of DyGLib: by time, with nodes whose events are left out of training."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.data.splits import split_by_time
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["DyGLibSplit", "dyglib_split"]

_SEED, _SHARE = 2020, 0.1


@dataclass(frozen=True, eq=False)
class DyGLibSplit:
    """A split by time in which training has no event of some nodes.

    Attributes:
        early: All events of the training period.
        train: The events of the training period without the drawn nodes.
        val: All events of the validation period.
        test: All events of the test period.
        drawn: Drawn nodes, int64 ``[D]``, sorted.
        is_new: Whether a node has no event in ``train``, bool ``[N]``. This includes the drawn
            nodes and the nodes without events in the training period.
    """

    early: TemporalGraph
    train: TemporalGraph
    val: TemporalGraph
    test: TemporalGraph
    drawn: Tensor
    is_new: Tensor

    def touches_new(self, events: TemporalGraph) -> Tensor:
        """Return whether each event has at least one new node, bool ``[E]``."""
        return self.is_new[events.src] | self.is_new[events.dst]


def dyglib_split(graph: TemporalGraph) -> DyGLibSplit:
    """Split a stream exactly as DyGLib does.

    The borders are the 0.70 and 0.85 quantiles of the event times. A tenth of all nodes is drawn
    from the nodes with events after the first border, by Python's generator with seed 2020 and in
    the iteration order of a Python set of their ids, where ids count from 1 as in the files of
    DyGLib. Events of drawn nodes are left out of training.

    Source: Yu et al., "Towards Better Dynamic Graph Learning: New Architecture and Unified
    Library", NeurIPS 2023, arXiv 2303.13047, and its public code.

    Args:
        graph: The stream. Its node ids must be in the order of the ids in the published file.

    Raises:
        GraphError: There are too few nodes or events for the split.
    """
    early, val, test = split_by_time(graph, 0.15, 0.15)
    if len(early) == 0 or len(val) == 0 or len(test) == 0:
        raise GraphError(
            "t", "a period has no event", expected="events in all three", got=f"{len(graph)} events"
        )
    # Set order decides which nodes are drawn, so the sets are built by the same operations.
    late = graph.t >= val.t[0]
    pool = set((graph.src[late] + 1).tolist()).union(set((graph.dst[late] + 1).tolist()))
    present = torch.cat([graph.src, graph.dst]).unique().numel()
    number = int(_SHARE * present)
    if number == 0 or number > len(pool):
        raise GraphError(
            "graph",
            "a tenth of the nodes cannot be drawn from the nodes with late events",
            expected="at least 10 nodes, and as many late ones as are drawn",
            got=f"{present} nodes, {len(pool)} of them late",
        )
    drawn = torch.tensor(random.Random(_SEED).sample(tuple(pool), number), device=graph.device) - 1
    left_out = torch.zeros(graph.num_nodes, dtype=torch.bool, device=graph.device)
    left_out[drawn] = True
    train = early.filter_events(~(left_out[early.src] | left_out[early.dst]))
    if len(train) == 0:
        raise GraphError("train", "every early event touches a drawn node")
    is_new = torch.ones_like(left_out)
    is_new[train.src] = False
    is_new[train.dst] = False
    return DyGLibSplit(early, train, val, test, drawn.sort().values, is_new)
