"""Pairs with an event so far, and candidates for recommendations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.engine.predictor.ranked import with_new_ids
from graphkit.nn.stream import PairTable

__all__ = ["ObservedPairs"]

_PAIRS = "pairs."


class ObservedPairs:
    """Pairs of nodes with at least one event, and all destinations.

    Args:
        destinations: Ids of all destinations in ascending order: the candidates for
            recommendations.
        pairs: Pairs with at least one event.
        both_ways: Whether an event also makes its source a destination and counts for the reversed
            pair.
    """

    def __init__(self, destinations: Tensor, pairs: PairTable, both_ways: bool = False) -> None:
        self.destinations, self.pairs, self.both_ways = destinations, pairs, both_ways

    @classmethod
    def of(
        cls, graph: TemporalGraph, past: Iterable[TemporalGraph], both_ways: bool = False
    ) -> ObservedPairs:
        """Collect the destinations of a graph, and the pairs of its past events."""
        destinations = graph.dst.unique().cpu()
        if both_ways:
            destinations = with_new_ids(destinations, graph.src.cpu())
        found = cls(destinations, PairTable(graph.num_nodes, graph.t.dtype), both_ways)
        for stretch in past:
            if len(stretch):
                found._insert(stretch.src.cpu(), stretch.dst.cpu(), stretch.t.cpu())
        return found

    def insert(self, src: Tensor, dst: Tensor, t: Tensor) -> None:
        """Add events."""
        self._insert(src, dst, t)
        self.destinations = with_new_ids(self.destinations, dst)
        if self.both_ways:
            self.destinations = with_new_ids(self.destinations, src)

    def grow(self, num_nodes: int) -> None:
        """Add new nodes."""
        self.pairs.grow(num_nodes)

    def candidates(self, node: int, among: Tensor | None = None, met: bool = True) -> Tensor:
        """Return the candidate ids for a node in ascending order.

        Args:
            node: Id of the node.
            among: Ids to choose from; by default all destinations except the node itself.
            met: Whether to include ids that already have an event with the node.
        """
        found = self.destinations if among is None else among
        if not met:
            found = found[self.pairs(torch.full_like(found, node), found)[0] == 0]
        return found[found != node] if among is None else found

    def tensors(self) -> dict[str, Tensor]:
        """Return everything except ``both_ways``, as tensors by name."""
        pairs = {f"{_PAIRS}{name}": value for name, value in self.pairs.state_dict().items()}
        return {"destinations": self.destinations, **pairs}

    @classmethod
    def restored(
        cls,
        tensors: Mapping[str, Tensor],
        num_nodes: int,
        time_dtype: torch.dtype,
        both_ways: bool = False,
    ) -> ObservedPairs:
        """Restore the output of :meth:`tensors`."""
        pairs = PairTable(num_nodes, time_dtype)
        pairs.load_state_dict(
            {k.removeprefix(_PAIRS): v for k, v in tensors.items() if k.startswith(_PAIRS)}
        )
        return cls(tensors["destinations"], pairs, both_ways)

    def _insert(self, src: Tensor, dst: Tensor, t: Tensor) -> None:
        self.pairs.insert(src, dst, t)
        if self.both_ways:
            self.pairs.insert(dst, src, t)
