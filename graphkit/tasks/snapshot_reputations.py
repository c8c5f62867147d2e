"""What nodes are known for before a step: the classes of the events that they sent and received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.nn.snapshot import fading_degrees

__all__ = ["class_votes", "reputations"]


def class_votes(graph: TemporalGraph) -> Tensor:
    """The classes of the events as rows with a 1, float ``[E, C]``.

    Raises:
        GraphError: There are no classes, or not one for each event.
    """
    y = graph.edge_y
    if y is None or y.is_floating_point() or y.dim() != 1:
        raise GraphError(
            "edge_y",
            "edges need a class each",
            expected="int64 [E]",
            got=None if y is None else f"{y.dtype} {list(y.shape)}",
        )
    return torch.nn.functional.one_hot(y.long()).float()


def reputations(graph: TemporalGraph, half_lives: Sequence[float], **cut: Any) -> list[Tensor]:
    r"""Events of each class that a node sent and received before each step, fading with time.

    With the features of :func:`~graphkit.nn.snapshot.fading_degrees`; neither the events of the
    step itself nor later ones count, so a step's features may be used to tell its own classes.

    Args:
        graph: The stream, with ``edge_y`` int64 ``[E]`` of C classes.
        half_lives: In steps.
        cut: Arguments of :meth:`TemporalGraph.snapshots`: ``every`` or ``count``, and ``empty``.

    Returns:
        Float features ``[N, 2 * C * len(half_lives) + 1]`` of every step: what was sent by class,
        then what was received; the last column tells whether there was anything.

    Raises:
        GraphError: The events have no classes, or a half-life is no time.
    """
    stream = TemporalGraph(
        graph.src,
        graph.dst,
        graph.t,
        edge_attr=class_votes(graph),
        num_nodes=graph.num_nodes,
        time_unit=str(graph.time_unit),
    )
    told = []
    for step in stream.snapshots(reduce={"edge_attr": "sum"}, **cut):
        votes, nothing = step.edge_attr, step.edge_attr.new_zeros(graph.num_nodes, 1)
        nothing = nothing.expand(-1, votes.shape[1])
        told.append(torch.cat([nothing.index_add(0, end, votes) for end in step.edge_index], dim=1))
    return fading_degrees([torch.zeros_like(told[0]), *told[:-1]], half_lives)
