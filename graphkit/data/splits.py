"""Splits: by time, and by holding nodes out for the inductive protocol."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from graphkit.data.inputs import as_ids, check_ids
from graphkit.errors import GraphError

if TYPE_CHECKING:
    from graphkit.data.temporal_graph import TemporalGraph

__all__ = ["HeldOutNodes", "Split", "hold_out_nodes", "split_by_time"]


class Split(NamedTuple):
    """Three consecutive stretches of one stream."""

    train: TemporalGraph
    val: TemporalGraph
    test: TemporalGraph


@dataclass(frozen=True, eq=False)
class HeldOutNodes:
    """The inductive protocol: some nodes are never seen in training.

    Attributes:
        nodes: int64 ``[H]``, the held-out nodes, sorted.
        is_held_out: bool ``[N]``.
        seen: The graph without any event that touches a held-out node (train and validate on it).
        full: The whole graph (replay it before testing, so that history is complete).
    """

    nodes: Tensor
    is_held_out: Tensor
    seen: TemporalGraph
    full: TemporalGraph

    def touches(self, src: Tensor, dst: Tensor) -> Tensor:
        """bool, which events touch a held-out node."""
        return self.is_held_out[src] | self.is_held_out[dst]


def as_fraction(value: Any, name: str) -> Fraction:
    """A share of a whole as the decimal number that the caller wrote, ``0 <= value <= 1``."""
    try:
        fraction = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        fraction = None
    if fraction is None or isinstance(value, str) or not 0 <= fraction <= 1:
        raise GraphError(name, "not a fraction", expected="a number from 0 to 1", got=repr(value))
    return fraction


def quantile_time(t: Tensor, fraction: Fraction) -> Tensor:
    """The last time of the first ``fraction`` of events, exactly (no interpolation in floats)."""
    # t <= quantile(t, q) holds for the same events whether the quantile is interpolated or not.
    return t[math.floor(fraction * (t.numel() - 1))]


def split_by_time(graph: TemporalGraph, val: float = 0.15, test: float = 0.15) -> Split:
    """Train, validation and test stretches by time quantile.

    An event belongs to the training subset if its time is at most the ``1 - val - test`` quantile
    of all event times, so events of one time are never parted. The quantile is that of
    :func:`numpy.quantile`, in exact arithmetic. Without events, or where they all have one time,
    the times of the signal are split, or else those of the node events.

    Raises:
        GraphError: A fraction is negative or the two leave nothing to train on.
    """
    val, test = as_fraction(val, "val"), as_fraction(test, "test")
    if val + test >= 1:
        raise GraphError(
            "val",
            "val and test leave nothing to train on",
            expected="val + test < 1",
            got=float(val + test),
        )
    t = graph.t
    if t.numel() == 0 or graph.is_static:
        if graph.signal_t is not None:
            t = graph.signal_t
        elif graph.node_events is not None and t.numel() == 0:
            t = graph.node_events.t
    if t.numel() == 0:
        raise GraphError("t", "an empty graph cannot be split")
    ends = [quantile_time(t, 1 - val - test), quantile_time(t, 1 - test)]
    first, second = (_after(end) for end in ends)
    return Split(
        graph.between(None, first), graph.between(first, second), graph.between(second, None)
    )


def hold_out_nodes(
    graph: TemporalGraph,
    fraction: float = 0.1,
    *,
    seed: int = 0,
    after: float = 0.7,
    nodes: Tensor | None = None,
) -> HeldOutNodes:
    """Choose nodes that training never sees.

    Args:
        graph: The stream.
        fraction: How many of all nodes that occur in the stream to hold out.
        seed: Seed of the choice.
        after: The nodes are drawn uniformly from those that occur after this quantile of time.
        nodes: The held-out nodes themselves, instead of a random choice.

    The filtered graph copies the columns of the events that it keeps (O(E)); node columns and
    feature tables are shared.

    Raises:
        GraphError: ``fraction`` is not a fraction; ``nodes`` repeats a node or names none that
            exists; nothing would be left.
    """
    if nodes is None:
        fraction = as_fraction(fraction, "fraction")
        if len(graph) == 0:
            raise GraphError("t", "a graph without events has no nodes to hold out")
        late = graph.t > quantile_time(graph.t, as_fraction(after, "after"))
        pool = torch.cat([graph.src[late], graph.dst[late]]).unique()
        present = torch.cat([graph.src, graph.dst]).unique().numel()
        count = min(int(fraction * present), pool.numel())
        if count == 0:
            raise GraphError(
                "fraction",
                f"no node would be held out of {present}, {pool.numel()} of them late enough",
                got=float(fraction),
                fix="Raise fraction, or lower after.",
            )
        generator = torch.Generator().manual_seed(seed)
        chosen = pool[torch.randperm(pool.numel(), generator=generator)[:count].to(pool.device)]
    else:
        chosen = as_ids(nodes, "hold_out").to(graph.device)
        check_ids(chosen, "hold_out", graph.num_nodes, "Name nodes that the graph has.")
        values, counts = chosen.unique(return_counts=True)
        if bool((counts > 1).any()):
            twice = values[counts > 1][0]
            raise GraphError(
                "hold_out",
                "a node is listed twice",
                row=int((chosen == twice).nonzero()[1]),
                got=int(twice),
                fix="List every node once.",
            )
    mask = torch.zeros(graph.num_nodes, dtype=torch.bool, device=graph.src.device)
    mask[chosen] = True
    keep = ~(mask[graph.src] | mask[graph.dst])
    if not bool(keep.any()):
        raise GraphError(
            "hold_out", "every event touches a held-out node", fix="Hold out fewer nodes."
        )
    return HeldOutNodes(chosen.sort().values, mask, graph.filter_events(keep), graph)


def _after(t: Tensor) -> int | float:
    value = t.item()
    return value + 1 if isinstance(value, int) else math.nextafter(value, math.inf)
