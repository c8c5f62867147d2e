"""Edge classification over snapshots: of which class are the edges of a step?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.registry import register
from graphkit.tasks.snapshot_link_prediction import row_of
from graphkit.tasks.snapshot_timeline import SnapshotQuery, SnapshotStream, Timeline

__all__ = ["EdgeClassification"]


@register("task", "edge_classification")
class EdgeClassification:
    r"""Classify the edges of each step from the embeddings of their ends after that step.

    The protocol of EvolveGCN (arXiv 1902.10191, section 4, and its code): one optimiser step per
    time step, in order; the loss is the mean over the step's edges of :math:`\alpha_y` times the
    cross-entropy, not divided by the sum of the weights. An edge that occurs more than once in a
    step has the class of the majority, of equal counts the lowest. The model sees that there is an
    edge, not of which class it is.

    Metrics, over all edges of a split at once: ``f1``, ``precision`` and ``recall`` of the target
    class, ``f1_macro`` and ``f1_micro`` (which is the accuracy).

    Args:
        graph: The stream, with ``edge_y`` int64 ``[E]``.
        class_weights: :math:`\alpha` of each class; equal ones by default.
        target: The class that ``f1`` is about and that chooses the epoch; the rarest in training
            by default.
        timeline: Arguments of :class:`~graphkit.tasks.snapshot_timeline.Timeline`.

    Raises:
        GraphError: Edges have no classes, a number is out of range, or a split has no step.
    """

    name = "edge_classification"
    selection = "f1"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        class_weights: tuple[float, ...] | None = None,
        target: int | None = None,
        **timeline: Any,
    ) -> None:
        self.graph, self.dataset = graph, graph.name or "graph"
        self.timeline = Timeline(graph, labels=True, **timeline)
        self.num_classes = self.timeline.num_classes
        self.class_weights = tuple(class_weights or [1.0] * self.num_classes)
        if len(self.class_weights) != self.num_classes:
            raise GraphError(
                "class_weights",
                "one for each class is needed",
                expected=self.num_classes,
                got=len(self.class_weights),
            )
        labels = torch.cat([self.timeline.labels[s] for s in self._steps("train")])
        counts = labels.bincount(minlength=self.num_classes)
        self.target = int(counts.argmin()) if target is None else target
        if not 0 <= self.target < self.num_classes:
            raise GraphError("target", "no such class", got=target)

    @property
    def in_channels(self) -> int:
        """Width of the nodes' features."""
        return self.timeline.in_channels

    @property
    def num_nodes(self) -> int:
        """Nodes of the graph."""
        return self.timeline.num_nodes

    @property
    def mode(self) -> str:
        """``"window"`` or ``"carry"``."""
        return self.timeline.mode

    # ---------------------------------------------------------------- what is asked
    def stream(
        self,
        split: str,
        batch_size: int = 1,
        *,
        epoch: int = 0,
        final: bool = False,
        device: torch.device | str = "cpu",
    ) -> SnapshotStream:
        """One query per step, whatever ``batch_size`` is; see :class:`graphkit.tasks.task.Task`."""
        steps = self._steps(split)
        sizes = [self.timeline.edges[step].shape[1] for step in steps]
        return SnapshotStream(
            self.timeline, steps, self._pairs, sizes, sum(sizes), whole=False, device=device
        )

    def history(self, split: str) -> list[Any]:
        """The steps that a carried state has gone through; nothing for windows."""
        return self.timeline.before(split)

    def continues(self, split: str) -> bool:
        """The splits follow one another."""
        return True

    # ---------------------------------------------------------------- answers
    def score(self, model: nn.Module, query: SnapshotQuery) -> Tensor:
        """Logits and label of each edge, ``[M, num_classes + 1]``."""
        h = model(query.snapshots)
        rows = row_of(h, query.snapshots[-1])
        src, dst = (query.src, query.dst) if rows is None else (rows[query.src], rows[query.dst])
        logits = model.head(h, src, dst)
        return torch.cat([logits, query.label.to(logits.dtype).unsqueeze(1)], dim=1)

    def loss(self, scores: Tensor, total: int) -> Tensor:
        """The part of the loss that these rows have, of ``total`` rows."""
        logits, label = scores[:, :-1].float(), scores[:, -1].long()
        weight = logits.new_tensor(self.class_weights)
        return F.cross_entropy(logits, label, weight=weight, reduction="sum") / total

    def metrics(self, scores: Tensor, split: str, *, final: bool = False) -> dict[str, float]:
        """F1, precision and recall of the target class, macro and micro F1."""
        guess, label = scores[:, :-1].argmax(dim=1), scores[:, -1].long()
        classes = torch.arange(self.num_classes, device=scores.device).unsqueeze(1)
        hit = ((guess == classes) & (label == classes)).sum(dim=1).double()
        guessed, there = (guess == classes).sum(dim=1), (label == classes).sum(dim=1)
        f1 = 2 * hit / (guessed + there).clamp(min=1)
        t = self.target
        return {
            "f1": float(f1[t]),
            "precision": float(hit[t] / guessed[t].clamp(min=1)),
            "recall": float(hit[t] / there[t].clamp(min=1)),
            "f1_macro": float(f1.mean()),
            "f1_micro": float(hit.sum() / max(len(label), 1)),
        }

    # ---------------------------------------------------------------- record
    def identity(self) -> dict[str, Any]:
        """The part of :meth:`protocol` that decides the numbers."""
        return {
            **self.timeline.describe(),
            "events": {s: self.stream(s).num_events for s in ("train", "val", "test")},
            "target": self.target,
            "class_weights": list(self.class_weights),
            "selection": self.selection,
            "computed": {"f1": f"of class {self.target}, over all edges of the split at once"},
        }

    def protocol(self) -> dict[str, Any]:
        """Split and how each metric is computed, as plain values."""
        return {"summary": self._summary(), **self.identity()}

    def __repr__(self) -> str:
        return f"EdgeClassification({self.dataset}: {self._summary()})"

    # ---------------------------------------------------------------- inside
    def _summary(self) -> str:
        sizes = "/".join(str(len(self._steps(s))) for s in ("train", "val", "test"))
        return (
            f"{sizes} of {len(self.timeline)} steps, {self.timeline.reach} steps seen, {self.mode};"
            f" F1 of class {self.target} over the whole split"
        )

    def _steps(self, split: str) -> range:
        return self.timeline.steps(split, ahead=0)

    def _pairs(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        src, dst = self.timeline.edges[step]
        return src, dst, self.timeline.labels[step]
