"""Node classification over snapshots: of which class are the nodes that are active in a step?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.nn.inputs.class_ids import check_class_ids
from graphkit.registry import register
from graphkit.tasks.answer import Answer
from graphkit.tasks.snapshot_classification import SnapshotClassification
from graphkit.tasks.snapshot_stream import SnapshotQuery
from graphkit.tasks.snapshot_timeline import Timeline

__all__ = ["SnapshotNodeClassification"]


@register("task", "snapshot_node_classification", view="snapshot")
class SnapshotNodeClassification(SnapshotClassification):
    r"""Classify the nodes of each step from their embeddings after that step.

    The protocol of EvolveGCN on Elliptic (arXiv 1902.10191, section 4, and its code): the steps are
    split in order of time, one optimiser step per time step; the loss is the mean over the step's
    nodes of :math:`\alpha_y` times the cross-entropy, not divided by the sum of the weights. Asked
    about are the nodes that have an edge in the step and a class then. Nodes without a class
    (negative) stay in the graph and send messages.

    The class of a node in a step is that of its last node event with ``y`` before the step ends,
    where the graph has such events; otherwise the static ``y``, the same in every step.

    Metrics, over all nodes of a split at once: ``f1``, ``precision`` and ``recall`` of the target
    class, ``f1_macro`` and ``f1_micro`` (which is the accuracy). What is reported in the end has
    ``f1@STEP`` and ``f1_micro@STEP`` of every step besides (a mean over a split would hide a step
    in which the world changes).

    Args:
        graph: The stream, with ``y`` int64 ``[N]`` or node events with ``y`` int64.
        class_weights: :math:`\alpha` of each class; equal ones by default.
        target: The class that ``f1`` is about and that chooses the epoch; the rarest in training
            by default.
        timeline: Arguments of :class:`~graphkit.tasks.snapshot_timeline.Timeline`; Elliptic's split
            of 31, 5 and 13 steps is ``train=0.65, val=0.1``.

    Raises:
        GraphError: Nodes have no classes, a number is out of range, or a split has no step.
    """

    name = "snapshot_node_classification"
    subject = "nodes"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        class_weights: tuple[float, ...] | None = None,
        target: int | None = None,
        **timeline: Any,
    ) -> None:
        steps = Timeline(graph, **timeline)
        classes = [y for y in steps.node_labels if y is not None]
        if not classes or any(y.is_floating_point() or y.dim() != 1 for y in classes):
            raise GraphError(
                "y",
                "nodes need a class",
                expected="int64 [N], or node events with int64 y; negative where it is not known",
                got="none" if not classes else classes[0].dtype,
            )
        for y in classes:
            check_class_ids(y, "y")
        self._asked = [_known(y, edges) for y, edges in zip(steps.node_labels, steps.edges)]
        if not any(len(node) for node, _ in self._asked):
            raise GraphError("y", "no node that has an edge has a class")
        largest = max(int(y.max()) for _, y in self._asked if len(y))
        super().__init__(graph, steps, largest + 1, class_weights, target)

    def asked(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """The nodes of a step, once more as the other end, and their classes."""
        node, label = self._asked[step]
        return node, node, label

    def logits(self, model: nn.Module, query: SnapshotQuery) -> Tensor:
        """A model's logits of each node, ``[M, num_classes]``."""
        return model.logits(query.snapshots, query.src)

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """As for a split, and with ``final`` for each of its steps."""
        answer = Answer.cat(answers)
        found = super().metrics(answer, split)
        if final:
            for value in answer.group.unique().tolist():
                one = super().metrics(answer[answer.group == value], split)
                found |= {f"{name}@{value}": one[name] for name in ("f1", "f1_micro")}
        return found


def _known(y: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
    """The nodes with an edge and a class, in order of id, and their classes."""
    active = torch.zeros(len(y), dtype=torch.bool)
    active[edge_index.reshape(-1)] = True
    node = (active & (y >= 0)).nonzero().squeeze(1)
    return node, y[node].long()
