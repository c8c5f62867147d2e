"""The timeline of a snapshot task: steps, features, split, and what a model sees before a step."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.errors import GraphError, GraphWarning
from graphkit.nn.snapshot import FLOWS, Snapshot, check_flow, out_degree
from graphkit.tasks.graph_task import check_graph
from graphkit.tasks.snapshot_input import FEATURES, SnapshotInput
from graphkit.tasks.snapshot_steps import check_classes
from graphkit.tasks.step_borders import borders_of

__all__ = ["SPLITS", "Timeline"]

SPLITS = ("train", "val", "test")


class Timeline:
    """A graph cut into steps that are ready for a model.

    Parallel events of a step are one edge. The steps are split as in the
    code of EvolveGCN: with ``last`` the number of the last step, counted from 0, training ends
    before step ``floor(last * train)`` and validation before step ``floor(last * (train + val))``.

    Args:
        graph: The stream.
        every: Length of a step, see :meth:`TemporalGraph.snapshots`.
        count: Number of steps, instead of ``every``.
        at: Borders of the steps, instead of ``every``; events outside of them are left out.
        origin: Where the first step of ``every`` begins.
        edge_weight: Whether an edge weighs the sum of its events' weights (``True``) or their
            number (``False``). ``None``: the sum where the graph has weights, unless one is
            negative.
        first: Use only so many steps from the start.
        skip_empty: Leave out steps without an event.
        train: Share of the steps for training.
        val: Share for validation; the rest is the test.
        history: Steps before the one whose embeddings are used: a window holds one more.
        adj_window: Steps whose edges a snapshot holds, its own step last; weights add up. Questions
            are about the edges of a step in any case.
        mode: ``"window"`` begins afresh for every target; ``"carry"`` carries the model's state
            along the timeline.
        bptt: In mode ``"carry"``: steps that a gradient goes back.
        symmetric: Add every event in the other direction.
        flow: Which way messages go along the edges of a step, see
            :func:`~graphkit.nn.snapshot.as_snapshot`; no matter where ``symmetric``.
        features: ``"degree"`` for one-hot out-degrees; ``"activity"`` for out-degrees of all steps
            so far that fade with time (:func:`~graphkit.nn.snapshot.fading_degrees`);
            ``"reputation"`` for these and, fading alike, how many events of each class of
            ``edge_y`` a node sent and received in the steps before; ``"x"`` for the graph's own (of
            its nodes or their events). Activity and reputation are not in the paper.
        half_lives: Of ``"activity"`` and ``"reputation"``, in steps.
        max_degree: Degrees above it count as it (``None``: the largest in training).
        labels: Keep the majority of ``edge_y`` for each edge of a step; of equal counts, the
            lowest class.

    Attributes:
        weighted: Whether edges weigh the sum of their events' weights.
        num_outside: Number of events outside of the borders ``at``, which are left out.
        input: Prepares steps for a model, at the beginning of the timeline
            (:class:`~graphkit.tasks.snapshot_input.SnapshotInput`).
        cut: The steps.
        edges, weights, labels: Of each step, see
            :class:`~graphkit.tasks.snapshot_steps.Step`.
        node_labels: Classes of the nodes as of each step.
        seen_steps: Each step as its snapshot is made of it.

    Raises:
        GraphError: A number is out of range, or a split has no step.
    """

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        every: str | int | float | None = None,
        count: int | None = None,
        at: Any = None,
        origin: str | int | float = "first",
        edge_weight: bool | None = None,
        first: int | None = None,
        skip_empty: bool = False,
        train: float = 0.7,
        val: float = 0.1,
        history: int = 10,
        adj_window: int = 1,
        mode: str = "window",
        bptt: int = 1,
        symmetric: bool = True,
        flow: str = FLOWS[0],
        features: str = "degree",
        half_lives: Sequence[float] = (0, 1, 3, 10),
        max_degree: int | None = None,
        labels: bool = False,
    ) -> None:
        check_choice(mode, "mode", ("window", "carry"))
        check_choice(features, "features", FEATURES)
        for name, value, least in (
            ("history", history, 0),
            ("bptt", bptt, 1),
            ("adj_window", adj_window, 1),
        ):
            if value < least:
                raise GraphError(name, "out of range", expected=f">= {least}", got=value)
        if not (0 < train < 1 and 0 <= val < 1 and train + val < 1):
            raise GraphError("train", "not shares of the steps", expected="train + val < 1")
        check_graph(graph)
        self.mode, self.history, self.features = mode, history, features
        self.adj_window, self.flow = adj_window, check_flow(flow)
        self.reach = history + 1 if mode == "window" else bptt
        self.num_nodes = graph.num_nodes
        needs_classes = labels or features == "reputation"
        classes = check_classes(graph) if needs_classes else 0
        self.num_classes = classes if labels else 0
        self.weighted = _weighted(graph, edge_weight)
        self._weights = None
        if graph.edge_weight is not None:
            self._weights = "sum" if self.weighted else "number of events; weights are not read"
        borders = borders_of(graph, every, count, at, origin)
        self.input = SnapshotInput(
            graph.num_nodes,
            borders=borders.settings(),
            time_unit=str(graph.time_unit),
            skip_empty=skip_empty,
            reach=self.reach,
            adj_window=adj_window,
            symmetric=symmetric,
            weighted=self.weighted,
            flow=flow,
            features=features,
            half_lives=half_lives,
            max_degree=max_degree,
            num_classes=classes,
            labels=labels,
        )
        stop, num_events = None, len(graph)
        if at is not None:
            graph, stop = _between(graph, self.input.borders.bounds)
        self.num_outside = num_events - len(graph)
        self.cut = self.input.cut(graph, stop=stop)[:first]
        self.edges = [step.edge_index for step in self.cut]
        self.weights = [step.edge_weight for step in self.cut]
        self.labels = [step.label for step in self.cut] if labels else []
        self.node_labels = [step.y for step in self.cut]
        last = len(self.edges) - 1
        self.train_end = int(round(last * train, 9))
        self.val_end = int(round(last * (train + val), 9))
        if self.train_end < self.reach:
            raise GraphError(
                "history",
                "no training step has so many steps before it",
                expected=f"at most {self.train_end - 1} of {last + 1} steps, {self.train_end} of "
                "them for training",
                got=self.reach - 1,
                fix="Use shorter steps (every=), or less history.",
            )
        self._fit()
        self.seen_steps = [self.input.advance(step) for step in self.cut]
        self.input.reset_state()
        self.x = [seen.x for seen in self.seen_steps]
        self._ready: dict[str, list[Snapshot]] = {}

    @property
    def in_channels(self) -> int:
        """Width of the nodes' features."""
        return self.input.in_channels

    def input_before(self, step: int) -> SnapshotInput:
        """The preparation of later events, as it stands before a step (counted as in
        :attr:`edges`): a copy that has gone through all earlier steps."""
        found = copy.deepcopy(self.input)
        for earlier in self.cut[:step]:
            found.advance(earlier)
        return found

    def _fit(self) -> None:
        """What the features take from the graph: their number, or the largest degree of
        training."""
        prepare = self.input
        if self.features == "x":
            x = self.cut[0].x
            if x is None:
                raise GraphError("x", "the graph has no node features", fix="features='degree'")
            prepare.x_channels = x.shape[1]
        if self.features == "degree" and prepare.max_degree is None:
            largest = 0
            for step in self.cut[: self.train_end]:
                edge_index, _ = prepare.merged(step)
                largest = max(largest, int(out_degree(edge_index, self.num_nodes).max()))
                prepare.edges.append(step.edge_index, step.edge_weight)
            prepare.reset_state()
            prepare.max_degree = largest

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.edges)

    def steps(self, split: str, ahead: int) -> range:
        """The steps that a model sees last before it answers for step + ``ahead``."""
        check_choice(split, "split", SPLITS)
        borders = (self.reach - 1, self.train_end, self.val_end, len(self) - ahead)
        index = SPLITS.index(split)
        return range(borders[index], borders[index + 1])

    def snapshots(self, device: torch.device | str = "cpu") -> list[Snapshot]:
        """All steps, normalised once; idle nodes of equal features share a row."""
        key = str(device)
        if key not in self._ready:
            made = (self.input.snapshot(seen) for seen in self.seen_steps)
            self._ready[key] = [snapshot.to(device) for snapshot in made]
        return self._ready[key]

    def seen(self, step: int, device: torch.device | str = "cpu") -> list[Snapshot]:
        """What the model is given to answer after a step, the step itself last."""
        return self.snapshots(device)[step - self.reach + 1 : step + 1]

    def before(self, split: str) -> list[_Stretch]:
        """The steps that a carried state has gone through before a split."""
        if self.mode == "window":
            return []
        return [_Stretch(self.snapshots()[: self.steps(split, 0).start - self.reach + 1])]

    def describe(self) -> dict[str, Any]:
        """The timeline as plain values, for records."""
        fading = ""
        if self.features in ("activity", "reputation"):
            fading = " of half-lives " + " ".join(f"{h:g}" for h in self.input.half_lives)
        return {
            "steps": len(self),
            "mode": self.mode,
            "history": self.history,
            "adj_window": self.adj_window,
            "steps_seen": self.reach,
            "flow": self.flow,
            **({"edge_weight": weights} if (weights := self._weights) is not None else {}),
            **({"events_outside": outside} if (outside := self.num_outside) else {}),
            "features": f"{self.features}{fading}, {self.in_channels} channels",
            "train_end": self.train_end,
            "val_end": self.val_end,
        }


def _weighted(graph: TemporalGraph, edge_weight: bool | None) -> bool:
    """Whether edges weigh the sum of their events' weights."""
    if edge_weight is not None and not isinstance(edge_weight, bool):
        raise GraphError(
            "edge_weight",
            "not a choice",
            expected="True, False or None",
            got=repr(edge_weight),
            fix="Weights are read from the column edge_weight of the graph.",
        )
    weight = graph.edge_weight
    if edge_weight is not None or weight is None:
        return bool(edge_weight)
    if weight.dim() == 1 and not bool((weight < 0).any()):
        return True
    what = "are negative" if weight.dim() == 1 else f"are of shape {list(weight.shape)}"
    warnings.warn(
        f"'edge_weight': weights {what}, so events are counted instead. edge_weight=False says "
        "that this is meant.",
        GraphWarning,
        stacklevel=4,
    )
    return False


def _between(graph: TemporalGraph, bounds: tuple[int | float, ...]) -> tuple[TemporalGraph, int]:
    """The events between the first and the last border, and the number of steps."""
    inside = graph.between(bounds[0], bounds[-1])
    if len(inside) < len(graph):
        warnings.warn(
            f"'at': {len(graph) - len(inside)} of {len(graph)} events lie outside of the borders "
            "and are left out",
            GraphWarning,
            stacklevel=4,
        )
    return inside, len(bounds) - 1


@dataclass(frozen=True)
class _Stretch:
    """Steps to observe one by one, as the engine replays them."""

    snapshots: list[Snapshot]

    def batches(self, size: int) -> Iterator[Snapshot]:
        return iter(self.snapshots)
