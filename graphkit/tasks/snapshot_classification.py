"""What classifying the edges of a step and classifying its nodes have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.nn.inputs.number_types import at_least_float32
from graphkit.tasks.answer import Answer
from graphkit.tasks.class_labels import check_width
from graphkit.tasks.snapshot_stream import SnapshotQuery, SnapshotStream
from graphkit.tasks.snapshot_task import SnapshotTask
from graphkit.tasks.snapshot_timeline import Timeline

__all__ = ["SnapshotClassification"]


class SnapshotClassification(SnapshotTask):
    """Classes of what is in a step, told from the embeddings after that step.

    A task of this kind says what is asked about in a step (:meth:`asked`) and how a model answers
    (:meth:`logits`).

    Args:
        graph: The stream.
        timeline: Its steps.
        num_classes: Classes.
        class_weights: One per class; equal ones if ``None``.
        target: The class that ``f1`` is about; the rarest in training if ``None``.

    Raises:
        GraphError: A number is out of range, or a split has nothing to classify.
    """

    subject: str
    ahead = 0
    calls = ("logits",)
    selection = "f1"

    def __init__(
        self,
        graph: TemporalGraph,
        timeline: Timeline,
        num_classes: int,
        class_weights: tuple[float, ...] | None,
        target: int | None,
    ) -> None:
        super().__init__(graph, timeline)
        self.num_classes = num_classes
        self.class_weights = tuple(class_weights or [1.0] * num_classes)
        if len(self.class_weights) != num_classes:
            raise GraphError(
                "class_weights",
                "one for each class is needed",
                expected=num_classes,
                got=len(self.class_weights),
            )
        labels = torch.cat([self.asked(step)[-1] for step in self._steps("train")])
        counts = labels.bincount(minlength=num_classes)
        self.target = int(counts.argmin()) if target is None else target
        if not 0 <= self.target < num_classes:
            raise GraphError("target", "no such class", got=target)

    # ---------------------------------------------------------------- what is asked
    def asked(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Ids of both ends and class of what is classified in a step, int64 ``[M]`` each."""
        raise NotImplementedError

    def stream(
        self,
        split: str,
        batch_size: int = 1,
        *,
        epoch: int = 0,
        final: bool = False,
        device: torch.device | str = "cpu",
    ) -> SnapshotStream:
        """One query per step, whatever ``batch_size`` is; see :class:`graphkit.protocols.Task`."""
        steps = self._steps(split)
        sizes = [len(self.asked(step)[-1]) for step in steps]
        return SnapshotStream(
            self.timeline, steps, self.asked, sizes, sum(sizes), whole=False, device=device
        )

    # ---------------------------------------------------------------- answers
    def logits(self, model: nn.Module, query: SnapshotQuery) -> Tensor:
        """A model's logits of everything that is asked about, ``[M, num_classes]``."""
        raise NotImplementedError

    def score(self, model: nn.Module, query: SnapshotQuery) -> Answer:
        """Logits ``[M, num_classes]``, classes ``[M]``, and the step of each row as its group."""
        step = torch.full_like(query.label, query.step)
        logits = check_width(self.logits(model, query), self.num_classes)
        return Answer(logits, query.label, group=step)

    def loss(self, answer: Answer, total: int) -> Tensor:
        """The contribution of these rows to the loss of ``total`` rows."""
        logits = at_least_float32(answer.prediction)
        weight = logits.new_tensor(self.class_weights)
        return F.cross_entropy(logits, answer.target, weight=weight, reduction="sum") / total

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """F1, precision and recall of the target class, macro and micro F1."""
        answer = Answer.cat(answers)
        guess, label = answer.prediction.argmax(dim=1), answer.target
        classes = torch.arange(self.num_classes, device=label.device).unsqueeze(1)
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
        what = f"of class {self.target}, over all {self.subject} of the split at once"
        return {
            **self.timeline.describe(),
            "events": {s: self.stream(s).num_events for s in ("train", "val", "test")},
            "target": self.target,
            "class_weights": list(self.class_weights),
            "selection": self.selection,
            "computed": {"f1": what},
        }

    # ---------------------------------------------------------------- inside
    def _summary(self) -> str:
        return (
            f"{self._sizes()} of {len(self.timeline)} steps, {self.timeline.reach} steps seen, "
            f"{self.mode}; F1 of class {self.target} over the whole split"
        )
