"""From the events of steps to the snapshots that a model is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.nn.snapshot import (
    FLOWS,
    FadingDegrees,
    Snapshot,
    as_snapshot,
    check_flow,
    out_degree,
)
from graphkit.nn.snapshot.recent import RecentSteps
from graphkit.tasks.snapshot_steps import Step, cut_steps
from graphkit.tasks.step_borders import borders_from

__all__ = ["FEATURES", "Seen", "SnapshotInput"]

FEATURES = ("degree", "activity", "reputation", "x")
"""Features that nodes can have, see :class:`SnapshotInput`."""


class Seen(NamedTuple):
    """A step with features, as the snapshot is made of it.

    Attributes:
        x: Features of the nodes, float ``[N, C]``, or int64 ``[N]``: the column of the 1 in a
            one-hot row.
        edge_index: int64 ``[2, E]``.
        edge_weight: ``[E]``.
    """

    x: Tensor
    edge_index: Tensor
    edge_weight: Tensor


class SnapshotInput(nn.Module):
    """Cuts events into steps and turns steps, one after the other, into snapshots.

    Steps are counted from the beginning of the training data, so that later events
    continue the count. What a step's features take from earlier steps is state, in buffers: it is
    moved by :meth:`advance` and emptied by :meth:`reset_state`. Settings and state together go on
    without the events that are past.

    Args:
        num_nodes: N.
        borders: Where steps begin, as ``settings()`` of :mod:`~graphkit.tasks.step_borders` gives
            it.
        time_unit: What one tick is.
        skip_empty: Leave out steps without an event.
        reach: Snapshots that a model is given to answer after a step, the step's own last.
        adj_window: Steps whose edges a snapshot holds, its own last; weights add up.
        symmetric: Add every event in the other direction.
        weighted: Edges weigh the sum of their events' weights; otherwise their number.
        flow: Which way messages go, see :func:`~graphkit.nn.snapshot.as_snapshot`.
        features: ``"degree"``, ``"activity"``, ``"reputation"`` or ``"x"``, see
            :class:`~graphkit.tasks.snapshot_timeline.Timeline`.
        half_lives: Of ``"activity"`` and ``"reputation"``, in steps.
        max_degree: Of ``"degree"``: degrees above it count as it.
        x_channels: Of ``"x"``: features of a node.
        num_classes: Classes of ``edge_y``, for ``"reputation"`` and ``labels``.
        labels: Keep the class of each edge of a step.

    Raises:
        UnknownNameError: No such features or flow.
        GraphError: A number is out of range.
    """

    def __init__(
        self,
        num_nodes: int,
        *,
        borders: Mapping[str, Any],
        time_unit: str = "step",
        skip_empty: bool = False,
        reach: int = 1,
        adj_window: int = 1,
        symmetric: bool = True,
        weighted: bool = False,
        flow: str = FLOWS[0],
        features: str = "degree",
        half_lives: Sequence[float] = (0, 1, 3, 10),
        max_degree: int | None = None,
        x_channels: int = 0,
        num_classes: int = 0,
        labels: bool = False,
    ) -> None:
        super().__init__()
        check_choice(features, "features", FEATURES)
        for name, value, least in (("reach", reach, 1), ("adj_window", adj_window, 1)):
            if value < least:
                raise GraphError(name, "out of range", expected=f">= {least}", got=value)
        self.num_nodes, self.reach, self.adj_window = int(num_nodes), int(reach), int(adj_window)
        self.borders = borders_from(borders)
        self.time_unit, self.skip_empty, self.symmetric = str(time_unit), skip_empty, symmetric
        self.weighted = bool(weighted)
        self.flow, self.features, self.max_degree = check_flow(flow), features, max_degree
        self.half_lives, self.x_channels = tuple(half_lives), int(x_channels)
        self.num_classes, self.labels = int(num_classes), bool(labels)
        self.activity = self.reputation = None
        if features in ("activity", "reputation"):
            self.activity = FadingDegrees(self.num_nodes, 1, self.half_lives)
        if features == "reputation":
            kinds = 2 * self.num_classes
            self.reputation = FadingDegrees(self.num_nodes, kinds, self.half_lives)
            self.register_buffer("votes", torch.zeros(self.num_nodes, kinds))
        self.edges, self.seen = RecentSteps(self.adj_window - 1), RecentSteps(self.reach)
        self.register_buffer("next_step", torch.zeros((), dtype=torch.int64))
        self._window: tuple[int, list[Snapshot]] | None = None

    def settings(self) -> dict[str, Any]:
        """The arguments of the constructor, as values that JSON holds."""
        return {
            "num_nodes": self.num_nodes,
            "borders": self.borders.settings(),
            "time_unit": self.time_unit,
            "skip_empty": self.skip_empty,
            "reach": self.reach,
            "adj_window": self.adj_window,
            "symmetric": self.symmetric,
            "weighted": self.weighted,
            "flow": self.flow,
            "features": self.features,
            "half_lives": list(self.half_lives),
            "max_degree": self.max_degree,
            "x_channels": self.x_channels,
            "num_classes": self.num_classes,
            "labels": self.labels,
        }

    @property
    def in_channels(self) -> int:
        """Width of the nodes' features."""
        if self.features == "x":
            return self.x_channels
        if self.features == "degree":
            return (self.max_degree or 0) + 1
        told = 0 if self.reputation is None else self.reputation.out_channels
        return self.activity.out_channels + told

    # ---------------------------------------------------------------- steps
    def cut(
        self, graph: TemporalGraph, first: int | None = None, stop: int | None = None
    ) -> list[Step]:
        """The steps of some events.

        Args:
            graph: The events, with ids, times and classes as in training.
            first: Number of the first step; the one that follows the last that was advanced past
                if ``None``.
            stop: Number of the step after the last one; that of the last event is the last if
                ``None``.

        Raises:
            GraphError: An event lies before ``first``, a node is not known, the clock is another
                one, or events lack the classes that are needed.
        """
        first = int(self.next_step) if first is None else first
        self._check(graph, first)
        if stop is None:
            stop = first if len(graph) == 0 else self.borders.number_of(graph.t_max) + 1
        if stop <= first:
            return []
        return cut_steps(
            graph,
            self.borders,
            first,
            stop,
            symmetric=self.symmetric,
            skip_empty=self.skip_empty,
            weighted=self.weighted,
            label_classes=self.num_classes if self.labels else 0,
            vote_classes=self.num_classes if self.features == "reputation" else 0,
        )

    # ---------------------------------------------------------------- snapshots
    def reset_state(self) -> None:
        """Go back to before step 0."""
        self.next_step.zero_()
        for kept in (self.activity, self.reputation, self.edges, self.seen):
            if kept is not None:
                kept.reset_state()
        if self.reputation is not None:
            self.votes = torch.zeros_like(self.votes)
        self._window = None

    def grow(self, num_nodes: int, x: Tensor | None = None) -> Tensor:
        """Take in new nodes, with the next ids and without an event so far.

        Everything is then as if they had been there from the beginning; numbers of the other nodes
        stay the same.

        Args:
            num_nodes: N from now on.
            x: Of ``"x"``: features of the new nodes, ``[new, C]``, the same in all steps so far.

        Returns:
            Their features in the steps so far, as in :attr:`Seen.x`.

        Raises:
            GraphError: There would be fewer nodes than now, or ``x`` does not fit.
        """
        new = num_nodes - self.num_nodes
        if new < 0:
            raise GraphError(
                "num_nodes", "nodes cannot be taken away", expected=f">= {self.num_nodes}",
                got=num_nodes,
            )  # fmt: skip
        if self.features == "x":
            if x is None or x.shape != (new, self.x_channels):
                raise GraphError(
                    "x",
                    "new nodes need the features of training",
                    expected=f"[{new}, {self.x_channels}]",
                    got=None if x is None else list(x.shape),
                )
            rows = x
        elif self.features == "degree":
            rows = torch.zeros(new, dtype=torch.int64)
        else:
            rows = torch.zeros(new, self.in_channels)
        rows = rows.to(self.next_step.device)
        for fading in (self.activity, self.reputation):
            if fading is not None:
                fading.grow(num_nodes)
        if self.reputation is not None:
            self.votes = torch.cat([self.votes, self.votes.new_zeros(new, self.votes.shape[1])])
        longer: dict[int, Tensor] = {}  # features that do not change are one tensor for all steps

        def with_rows(x: Tensor, *edges: Tensor) -> tuple[Tensor, ...]:
            if x.data_ptr() not in longer:
                longer[x.data_ptr()] = torch.cat([x, rows.to(x.dtype)])
            return longer[x.data_ptr()], *edges

        self.seen.change(with_rows)
        self.num_nodes, self._window = int(num_nodes), None
        return rows

    def pass_to(self, number: int) -> None:
        """Say that all steps before step ``number`` are over: those not advanced past were empty
        and are left out.

        Raises:
            GraphError: Steps without an event are not left out (``skip_empty``).
        """
        if number > int(self.next_step):
            if not self.skip_empty:
                raise GraphError("number", "empty steps count here: cut(stop=) and advance()")
            self.next_step.fill_(number)

    def advance(self, step: Step) -> Seen:
        """Move past a step; what the model is given of it.

        Raises:
            GraphError: It is not a later step, it has no features, or there is no ``max_degree``.
        """
        if step.number < int(self.next_step):
            raise GraphError(
                "step",
                "steps are gone through in order, each once",
                expected=f"at least {int(self.next_step)}",
                got=step.number,
            )
        edge_index, edge_weight = self.merged(step)
        seen = Seen(self._features(step, edge_index), edge_index, edge_weight)
        self.edges.append(step.edge_index, step.edge_weight)
        self.seen.append(*seen)
        self.next_step.fill_(step.number + 1)
        return seen

    def merged(self, step: Step) -> tuple[Tensor, Tensor]:
        """The edges of a step and those of the steps before it that its snapshot holds."""
        if self.adj_window == 1:
            return step.edge_index, step.edge_weight
        return _merged([*self.edges.steps(), (step.edge_index, step.edge_weight)], self.num_nodes)

    def snapshot(self, seen: Seen) -> Snapshot:
        """A step normalised; idle nodes of equal features share a row."""
        return as_snapshot(seen, self.flow).shared()

    def window(self) -> list[Snapshot]:
        """The snapshots that a model is given now: of the last ``reach`` steps, oldest first."""
        at = int(self.next_step)
        if self._window is None or self._window[0] != at:
            self._window = at, [self.snapshot(Seen(*kept)) for kept in self.seen.steps()]
        return self._window[1]

    def __getstate__(self) -> dict[str, Any]:
        """For copies: without snapshots that are made again when they are asked for."""
        return {**self.__dict__, "_window": None}

    def extra_repr(self) -> str:
        return f"{self.num_nodes} nodes, features={self.features!r}, reach={self.reach}"

    # ---------------------------------------------------------------- inside
    def _features(self, step: Step, edge_index: Tensor) -> Tensor:
        if self.features == "x":
            if step.x is None or step.x.dim() != 2 or step.x.shape[1] != self.x_channels:
                raise GraphError(
                    "x",
                    "the nodes need the features of training",
                    expected=f"[{self.num_nodes}, {self.x_channels}]",
                    got=None if step.x is None else list(step.x.shape),
                )
            return step.x
        if self.features == "degree":
            if self.max_degree is None:
                raise GraphError("max_degree", "the largest degree of training is not known")
            return out_degree(edge_index, self.num_nodes).clamp(max=self.max_degree)
        x = self.activity(out_degree(step.edge_index, self.num_nodes))
        if self.reputation is None:
            return x
        told = self.reputation(self.votes)  # of the steps before: the step's own may be asked about
        self.votes = step.votes
        return torch.cat([x, told], dim=1)

    def _check(self, graph: TemporalGraph, first: int) -> None:
        if graph.num_nodes != self.num_nodes:
            raise GraphError(
                "num_nodes",
                "these are not the nodes of training",
                expected=self.num_nodes,
                got=graph.num_nodes,
            )
        if str(graph.time_unit) != self.time_unit:
            raise GraphError(
                "time_unit",
                "the clock is not that of training",
                expected=self.time_unit,
                got=str(graph.time_unit),
            )
        if len(graph) and self.borders.number_of(graph.t_min) < first:
            raise GraphError(
                "t",
                f"an event lies before step {first}, in one that is closed",
                row=0,
                expected=f"t >= {self.borders.at(first, first)[0]}",
                got=graph.t_min,
            )


def _merged(steps: Sequence[tuple[Tensor, ...]], num_nodes: int) -> tuple[Tensor, Tensor]:
    """The edges of several steps and their weights, which add up where an edge occurs in more."""
    src, dst = torch.cat([edge_index for edge_index, _ in steps], dim=1)
    key, place = (src * num_nodes + dst).unique(return_inverse=True)
    weight = torch.cat([w for _, w in steps])
    total = torch.zeros(key.numel(), dtype=weight.dtype).index_add(0, place, weight)
    return torch.stack([torch.div(key, num_nodes, rounding_mode="floor"), key % num_nodes]), total
