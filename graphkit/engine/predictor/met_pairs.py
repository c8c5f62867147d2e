"""Which pairs have met, and who may be recommended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.engine.predictor.ranked import with_new_ids
from graphkit.nn.stream import PairTable

__all__ = ["MetPairs"]

_PAIRS = "pairs."


class MetPairs:
    """Pairs of nodes that have had an event, and all destinations.

    Args:
        destinations: Ids of all destinations, ascending: the candidates of recommendations.
        pairs: Pairs that have met.
        both_ways: Whether an event makes its source a destination too, and the pair the other way
            round one that has met.
    """

    def __init__(self, destinations: Tensor, pairs: PairTable, both_ways: bool = False) -> None:
        self.destinations, self.pairs, self.both_ways = destinations, pairs, both_ways

    @classmethod
    def of(
        cls, graph: TemporalGraph, past: Iterable[TemporalGraph], both_ways: bool = False
    ) -> MetPairs:
        """The destinations of a graph, and the pairs of those of its events that are past."""
        destinations = graph.dst.unique().cpu()
        if both_ways:
            destinations = with_new_ids(destinations, graph.src.cpu())
        found = cls(destinations, PairTable(graph.num_nodes, graph.t.dtype), both_ways)
        for stretch in past:
            if len(stretch):
                found._insert(stretch.src.cpu(), stretch.dst.cpu(), stretch.t.cpu())
        return found

    def insert(self, src: Tensor, dst: Tensor, t: Tensor) -> None:
        """Take in events."""
        self._insert(src, dst, t)
        self.destinations = with_new_ids(self.destinations, dst)
        if self.both_ways:
            self.destinations = with_new_ids(self.destinations, src)

    def grow(self, num_nodes: int) -> None:
        """Take in new nodes."""
        self.pairs.grow(num_nodes)

    def candidates(self, node: int, among: Tensor | None = None, met: bool = True) -> Tensor:
        """Ids that may be recommended to a node, ascending.

        Args:
            node: The node.
            among: Ids to choose from; by default all destinations but the node itself.
            met: Whether those that the node has met are in.
        """
        found = self.destinations if among is None else among
        if not met:
            found = found[self.pairs(torch.full_like(found, node), found)[0] == 0]
        return found[found != node] if among is None else found

    def tensors(self) -> dict[str, Tensor]:
        """All of it but ``both_ways``, as tensors by name."""
        pairs = {f"{_PAIRS}{name}": value for name, value in self.pairs.state_dict().items()}
        return {"destinations": self.destinations, **pairs}

    @classmethod
    def restored(
        cls,
        tensors: Mapping[str, Tensor],
        num_nodes: int,
        time_dtype: torch.dtype,
        both_ways: bool = False,
    ) -> MetPairs:
        """What :meth:`tensors` kept."""
        pairs = PairTable(num_nodes, time_dtype)
        pairs.load_state_dict(
            {k.removeprefix(_PAIRS): v for k, v in tensors.items() if k.startswith(_PAIRS)}
        )
        return cls(tensors["destinations"], pairs, both_ways)

    def _insert(self, src: Tensor, dst: Tensor, t: Tensor) -> None:
        self.pairs.insert(src, dst, t)
        if self.both_ways:
            self.pairs.insert(dst, src, t)
