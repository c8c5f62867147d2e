"""Edge classification over snapshots: prediction of the classes of the edges of a step."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphkit.data import TemporalGraph
from graphkit.registry import register
from graphkit.tasks.snapshot_classification import SnapshotClassification
from graphkit.tasks.snapshot_stream import SnapshotQuery
from graphkit.tasks.snapshot_timeline import Timeline

__all__ = ["EdgeClassification"]


@register("task", "edge_classification", view="snapshot")
class EdgeClassification(SnapshotClassification):
    r"""Classify the edges of each step from the embeddings of their endpoints after that step.

    The task follows the protocol of EvolveGCN (arXiv 1902.10191, section 4, and its code): one
    optimizer step per time step, in order; the loss is the mean over the edges of the step of
    :math:`\alpha_y` times the cross-entropy, not divided by the sum of the weights. An edge that
    occurs more than once in a step has its most frequent class; ties are resolved to the lowest
    class. The model input contains the edge but not its class.

    Metrics, over all edges of a split at once: ``f1``, ``precision`` and ``recall`` of the target
    class, ``f1_macro`` and ``f1_micro`` (which is the accuracy).

    Args:
        graph: The stream, with ``edge_y`` int64 ``[E]``.
        class_weights: Weight :math:`\alpha` of each class; by default equal weights.
        target: Class for which ``f1`` is computed, which selects the epoch; by default the rarest
            class in training.
        timeline: Arguments of :class:`~graphkit.tasks.snapshot_timeline.Timeline`.

    Raises:
        GraphError: Edges have no classes, a number is out of range, or a split has no step.
    """

    name = "edge_classification"
    subject = "edges"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        class_weights: tuple[float, ...] | None = None,
        target: int | None = None,
        **timeline: Any,
    ) -> None:
        steps = Timeline(graph, labels=True, **timeline)
        super().__init__(graph, steps, steps.num_classes, class_weights, target)

    def asked(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the edges of a step and their classes."""
        src, dst = self.timeline.edges[step]
        return src, dst, self.timeline.labels[step]

    def logits(self, model: nn.Module, query: SnapshotQuery) -> Tensor:
        """Compute the logits of each edge, ``[M, num_classes]``."""
        return model.logits(query.snapshots, query.src, query.dst)
