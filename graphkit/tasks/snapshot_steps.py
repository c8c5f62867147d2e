"""Steps of a timeline: what lies in each of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.data.node_values import NodeValues
from graphkit.data.snapshots import Snapshots
from graphkit.errors import GraphError
from graphkit.nn.inputs.class_ids import check_class_ids
from graphkit.tasks.step_borders import Borders

__all__ = ["Step", "check_classes", "cut_steps"]


class Step(NamedTuple):
    """What lies in one step.

    Attributes:
        number: Its number, from the origin of the borders.
        edge_index: int64 ``[2, M]``, every pair once.
        edge_weight: ``[M]``, how many events each edge stands for, or the sum of their weights.
        label: int64 ``[M]``, the class of each edge by majority (of equal counts, the lowest);
            ``None`` where classes are not kept.
        x: Features of the nodes ``[N, C]`` as of the end of the step, or ``None``.
        y: Classes of the nodes as of the end of the step, or ``None``.
        votes: ``[N, 2 C]``, events of each class that a node sent, then received; ``None`` where
            they are not kept.
    """

    number: int
    edge_index: Tensor
    edge_weight: Tensor
    label: Tensor | None
    x: Tensor | None
    y: Tensor | None
    votes: Tensor | None


def cut_steps(
    graph: TemporalGraph,
    borders: Borders,
    first: int,
    stop: int,
    *,
    symmetric: bool,
    skip_empty: bool,
    weighted: bool = False,
    label_classes: int = 0,
    vote_classes: int = 0,
) -> list[Step]:
    """Cut a graph into steps.

    Args:
        graph: Events of the steps; those of other times are left out.
        borders: Where steps begin.
        first, stop: Numbers of the first step and of the one after the last.
        symmetric: Add every event in the other direction (but to votes).
        skip_empty: Leave out steps without an event.
        weighted: Add up the weights of the events of an edge; otherwise they are counted.
        label_classes: Classes of ``edge_y``, to keep each edge's majority; 0 keeps none.
        vote_classes: Classes of ``edge_y``, to keep each node's votes; 0 keeps none.

    Raises:
        GraphError: The events have no classes, or a class that is not among those; or they have no
            weights, or a negative one, with ``weighted``.
    """
    at = borders.at(first, stop)
    if len(graph) == 0:
        return [] if skip_empty else _empty(graph, at, first, label_classes, vote_classes)
    if label_classes:
        check_classes(graph, label_classes)
    if weighted:
        _check_weights(graph)
    steps = graph.snapshots(
        at=at,
        symmetric=symmetric,
        columns=["edge_weight"] * weighted + ["edge_y"] * bool(label_classes),
        reduce={"edge_weight": "sum" if weighted else "count", "edge_y": "majority"},
        empty="skip" if skip_empty else "keep",
    )
    votes = _node_votes(graph, steps, vote_classes) if vote_classes else [None] * len(steps)
    numbers = first + np.searchsorted(at, steps.start)
    return [
        Step(
            int(number),
            step.edge_index,
            step.edge_weight,
            step.edge_y if label_classes else None,
            step.x,
            step.y,
            told,
        )
        for number, step, told in zip(numbers, steps, votes)
    ]


def _check_weights(graph: TemporalGraph) -> None:
    weight = graph.edge_weight
    if weight is None or weight.dim() != 1:
        raise GraphError(
            "edge_weight",
            "the events need a weight each",
            expected="[E]",
            got=None if weight is None else list(weight.shape),
        )
    low = weight < 0
    if bool(low.any()):
        row = int(low.nonzero()[0])
        raise GraphError(
            "edge_weight", "a weight is negative", row=row, expected=">= 0", got=weight[row].item()
        )


def check_classes(graph: TemporalGraph, num_classes: int | None = None) -> int:
    """The number of classes of the events.

    Args:
        graph: With ``edge_y``.
        num_classes: The number that there is; the largest class and one more if ``None``.

    Raises:
        GraphError: There are no classes, not one for each event, or one is out of range.
    """
    y = graph.edge_y
    if y is None or y.is_floating_point() or y.dim() != 1:
        raise GraphError(
            "edge_y",
            "edges need a class each",
            expected="int64 [E]",
            got=None if y is None else f"{y.dtype} {list(y.shape)}",
        )
    if num_classes is None:
        check_class_ids(y, "edge_y")
    wrong = y < 0 if num_classes is None else (y < 0) | (y >= num_classes)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        most = "" if num_classes is None else f" to {num_classes - 1}"
        raise GraphError(
            "edge_y", "a class out of range", row=row, expected=f"0{most}", got=int(y[row])
        )
    return int(y.max()) + 1 if num_classes is None else num_classes


def _node_votes(graph: TemporalGraph, steps: Snapshots, num_classes: int) -> list[Tensor]:
    """For each step ``[N, 2 C]``, events of each class that a node sent, then received."""
    check_classes(graph, num_classes)
    borders = [torch.from_numpy(bound).to(graph.t.device) for bound in (steps.start, steps.end)]
    found = []
    for low, high in zip(*(torch.searchsorted(graph.t, bound).tolist() for bound in borders)):
        y = graph.edge_y[low:high].long()
        votes = torch.zeros(graph.num_nodes, 2 * num_classes)
        for end, shift in ((graph.src, 0), (graph.dst, num_classes)):
            votes.index_put_((end[low:high], y + shift), torch.ones(high - low), accumulate=True)
        found.append(votes)
    return found


def _empty(
    graph: TemporalGraph, at: np.ndarray, first: int, label_classes: int, vote_classes: int
) -> list[Step]:
    """Steps of a graph without events."""
    values, steps = NodeValues(graph), []
    for number, end in enumerate(at[1:], start=first):
        data = _Columns(x=None, y=None)
        values.write(data, end.item())
        steps.append(
            Step(
                number,
                torch.zeros(2, 0, dtype=torch.int64),
                torch.zeros(0),
                torch.zeros(0, dtype=torch.int64) if label_classes else None,
                data.x,
                data.y,
                torch.zeros(graph.num_nodes, 2 * vote_classes) if vote_classes else None,
            )
        )
    return steps


class _Columns(SimpleNamespace):
    """Takes columns by name, as PyG's ``Data`` does."""

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)
