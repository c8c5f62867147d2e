"""Steps of a timeline: where they begin, and what lies in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.data.intervals import interval_bounds
from graphkit.data.node_values import NodeValues
from graphkit.errors import GraphError
from graphkit.nn.inputs.class_ids import check_class_ids

__all__ = ["Step", "StepBorders", "class_votes", "cut_steps"]


@dataclass(frozen=True)
class StepBorders:
    r"""Where steps begin, for all times: border i is :math:`o + \lfloor w i / p \rfloor` ticks.

    On a float clock it is :math:`o + w i` (and p is 1).

    Attributes:
        origin: Where step 0 begins, in ticks.
        width: Ticks of ``parts`` steps together.
        parts: Steps that they are divided into.
        closed: A border that lies elsewhere, as (number, time): on a float clock the end of the
            last of a number of equal steps, which takes in the last event.
    """

    origin: int | float
    width: int | float
    parts: int = 1
    closed: tuple[int, float] | None = None

    @classmethod
    def of(
        cls, graph: TemporalGraph, every: str | int | float | None, count: int | None
    ) -> StepBorders:
        """The borders that :meth:`TemporalGraph.snapshots` gives the steps of a graph.

        Raises:
            GraphError: As there.
        """
        interval_bounds(graph, every, count, None, "first")  # it says what is wrong
        first, last = graph.t_min, graph.t_max
        whole = not graph.t.is_floating_point()
        if every is not None:
            return cls(first, graph.time_unit.ticks(every, whole=whole))
        if whole:
            return cls(first, last + 1 - first, int(count))
        return cls(
            first, (last - first) / count, 1, (int(count), float(np.nextafter(last, np.inf)))
        )

    def at(self, first: int, stop: int) -> np.ndarray:
        """Borders ``first`` to ``stop``, int64 or float64 ``[stop + 1 - first]``."""
        if isinstance(self.width, int):
            part, rest = divmod(self.width, self.parts)
            i = np.arange(first, stop + 1, dtype=np.int64)
            return self.origin + part * i + rest * i // self.parts
        found = self.width * np.arange(first, stop + 1) + self.origin
        if self.closed is not None and first <= self.closed[0] <= stop:
            found[self.closed[0] - first] = self.closed[1]
        return found

    def number_of(self, t: int | float) -> int:
        """The step that a time lies in; negative before the origin."""
        if isinstance(self.width, int):
            return ((t - self.origin + 1) * self.parts - 1) // self.width
        number = int((t - self.origin) // self.width)
        while self.at(number + 1, number + 1)[0] <= t:
            number += 1
        while self.at(number, number)[0] > t:
            number -= 1
        return number


class Step(NamedTuple):
    """What lies in one step.

    Attributes:
        number: Its number, from the origin of the borders.
        edge_index: int64 ``[2, M]``, every pair once.
        edge_weight: ``[M]``, how many events each edge stands for.
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
    borders: StepBorders,
    first: int,
    stop: int,
    *,
    symmetric: bool,
    skip_empty: bool,
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
        label_classes: Classes of ``edge_y``, to keep each edge's majority; 0 keeps none.
        vote_classes: Classes of ``edge_y``, to keep each node's votes; 0 keeps none.

    Raises:
        GraphError: The events have no classes, or a class that is not among those.
    """
    at = borders.at(first, stop)
    if len(graph) == 0:
        return [] if skip_empty else _empty(graph, at, first, label_classes, vote_classes)
    src, dst, t = graph.src, graph.dst, graph.t
    label = class_votes(graph, label_classes) if label_classes else None
    if symmetric:
        src, dst, t = torch.cat([src, dst]), torch.cat([dst, src]), torch.cat([t, t])
        label = None if label is None else torch.cat([label, label])
    empty = "skip" if skip_empty else "keep"
    steps = TemporalGraph(
        src,
        dst,
        t,
        edge_attr=label,
        x=graph.x,
        y=graph.y,
        node_events=graph.node_events,
        num_nodes=graph.num_nodes,
        time_unit=str(graph.time_unit),
    ).snapshots(at=at, reduce={"edge_weight": "count", "edge_attr": "sum"}, empty=empty)
    told: Any = [None] * len(steps)
    if vote_classes:
        told = TemporalGraph(
            graph.src,
            graph.dst,
            graph.t,
            edge_attr=class_votes(graph, vote_classes),
            num_nodes=graph.num_nodes,
            time_unit=str(graph.time_unit),
        ).snapshots(at=at, reduce={"edge_attr": "sum"}, empty=empty)
    numbers = first + np.searchsorted(at, steps.start)
    return [
        Step(
            int(number),
            step.edge_index,
            step.edge_weight,
            step.edge_attr.argmax(dim=1) if label_classes else None,
            step.x,
            step.y,
            None if votes is None else _of_nodes(votes, graph.num_nodes),
        )
        for number, step, votes in zip(numbers, steps, told)
    ]


def class_votes(graph: TemporalGraph, num_classes: int | None = None) -> Tensor:
    """The classes of the events as rows with a 1, float ``[E, C]``.

    Args:
        graph: With ``edge_y``.
        num_classes: C; the largest class and one more if ``None``.

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
    return torch.nn.functional.one_hot(y.long(), num_classes or -1).float()


def _of_nodes(step: Any, num_nodes: int) -> Tensor:
    """Votes of edges added up at their sources, then at their destinations."""
    votes, nothing = step.edge_attr, step.edge_attr.new_zeros(num_nodes, 1)
    nothing = nothing.expand(-1, votes.shape[1])
    return torch.cat([nothing.index_add(0, end, votes) for end in step.edge_index], dim=1)


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
