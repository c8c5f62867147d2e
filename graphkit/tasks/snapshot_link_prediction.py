"""Link prediction over snapshots: which pairs have an edge in the next step?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.errors import GraphError
from graphkit.nn.inputs.number_types import at_least_float32
from graphkit.ops.absent_targets import absent_targets
from graphkit.registry import register
from graphkit.sampling.negatives.step_pairs import StepNegatives
from graphkit.tasks.answer import Answer
from graphkit.tasks.snapshot_stream import SnapshotQuery, SnapshotStream
from graphkit.tasks.snapshot_task import SnapshotTask
from graphkit.tasks.snapshot_timeline import Timeline

__all__ = ["SnapshotLinkPrediction"]

_METRICS = ("map", "mrr", "mrr_filtered")
_SAMPLED = ("mrr_sampled", "ap_sampled")


@register("task", "snapshot_link_prediction", view="snapshot")
class SnapshotLinkPrediction(SnapshotTask):
    r"""Rank all pairs of nodes by whether they have an edge in the next step.

    The protocol of EvolveGCN (arXiv 1902.10191, section 4, and its code). Embeddings after step
    :math:`\tau` answer for step :math:`\tau + 1`; one optimiser step per :math:`\tau`, in order of
    time. Training tells the edges of a step from ``negatives`` times as many drawn pairs by a
    cross-entropy in which class ``y`` weighs :math:`\alpha_y`; it is the mean over all pairs, not
    divided by the sum of the weights, so its scale depends on ``negatives``. Validation and test
    rank all :math:`N^2` ordered pairs:

    - ``map``: average precision over all pairs of a step, averaged over the steps, weighted by
      their numbers of pairs;
    - ``mrr``: for each source with an edge the mean of 1 / rank over its edges among all
      destinations, unfiltered, averaged over the sources and then over the steps;
    - ``mrr_filtered``: the same, but an edge does not compete with the source's other edges.

    With ``sampled=k`` every edge of validation and test competes with k destinations instead,
    drawn with repetition from the nodes that its source has no edge to in the step, the same in
    every epoch:

    - ``mrr_sampled``: as ``mrr``, among an edge and its k destinations;
    - ``ap_sampled``: average precision of a step's edges against all that was drawn for them,
      averaged over the steps, weighted by their numbers of pairs.

    That is far cheaper on large graphs, and higher: its figures are comparable for one k only.

    Scores are ranked before the softmax, which saturates, and ties are averaged; see
    :mod:`graphkit.metrics.snapshot_ranking`. Sources of negatives are drawn from those of the
    step's edges, destinations from the ends of all edges in the window, both with multiplicity;
    repetitions, self pairs and true edges are left out. So pairs of idle nodes, which are nearly
    all that is ranked, hardly occur in training; ``drawn_from="all"`` draws both ends uniformly
    from all nodes instead, which is not the authors' way. Draws are a function of the seed, the
    epoch and the step.

    Args:
        graph: The stream.
        negatives: Drawn pairs per edge of a training step.
        class_weights: :math:`\alpha` of no edge and of an edge.
        drawn_from: ``"window"`` (as above) or ``"all"``.
        sampled: Destinations that an edge is ranked among; ``None`` ranks all pairs.
        selection: The validation metric that chooses the epoch: ``"map"`` by default, or
            ``"mrr_sampled"``.
        seed: Of the negatives.
        timeline: Arguments of :class:`~graphkit.tasks.snapshot_timeline.Timeline`: ``every`` or
            ``count``, ``first``, ``history``, ``mode``, ``train``, ``val``, and so on.

    Raises:
        GraphError: A number is out of range, or a split has no step.
    """

    name = "snapshot_link_prediction"
    ahead = 1
    calls = ("link_logits", "rank")
    num_classes = 2

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        negatives: int = 100,
        class_weights: tuple[float, float] = (0.1, 0.9),
        drawn_from: str = "window",
        sampled: int | None = None,
        selection: str | None = None,
        seed: int = 0,
        **timeline: Any,
    ) -> None:
        if sampled is not None and sampled < 1:
            raise GraphError("sampled", "nothing to rank among", expected=">= 1", got=sampled)
        measured = _METRICS if sampled is None else _SAMPLED
        if selection is None:
            selection = measured[0]
        check_choice(selection, "selection", measured)
        super().__init__(graph, Timeline(graph, **timeline))
        self.negatives, self.class_weights = negatives, tuple(class_weights)
        self.sampled = sampled
        self.drawn_from, self.selection, self.seed = drawn_from, selection, seed
        line = self.timeline
        self._absent = StepNegatives(
            line.edges, line.num_nodes, negatives, drawn_from, line.history, seed
        )
        for split in ("train", "test"):
            if not len(self._steps(split)):
                raise GraphError(split, "no step is left for it")

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
        """One query per step, whatever ``batch_size`` is; see :class:`graphkit.protocols.Task`."""
        steps = self._steps(split)
        whole = split != "train" or final
        if whole:  # a step without an edge has no ranks
            sizes = [int(self._edges(step + 1).shape[1] > 0) for step in steps]
        else:
            sizes = [self._edges(step + 1).shape[1] + self._absent.count(step) for step in steps]
        drawn_in = 0 if whole else epoch
        return SnapshotStream(
            self.timeline,
            steps,
            lambda step: self._drawn(step, drawn_in),
            sizes,
            sum(self._edges(step + 1).shape[1] for step in steps),
            whole,
            device,
        )

    # ---------------------------------------------------------------- answers
    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns of a ranked step hold, see :meth:`score`."""
        if self.sampled is not None:
            return ("ap", "mrr", "num_pairs", "loss")
        return ("ap", "mrr", "mrr_filtered", "num_pairs", "loss")

    def score(self, model: nn.Module, query: SnapshotQuery) -> Answer:
        """Logits of an edge ``[M]`` and labels int64 ``[M]`` (1 for an edge) in training.

        Otherwise a step is ranked by the model, and one row of statistics stands for its
        :math:`N^2` pairs: float64 ``[1, K]`` in the order of :attr:`columns` (average precision,
        MRR, filtered MRR unless ``sampled``, number of pairs, and the loss on the drawn pairs),
        without a target; the group is the step.
        """
        if not query.whole:
            logits = model.link_logits(query.snapshots, query.src, query.dst)
            return Answer(logits, query.label)
        found = model.rank(query, self._rivals(query))
        drawn = Answer(found.logits.detach(), query.label)
        row = [*found.ranking, float(self.loss(drawn, len(drawn)))]
        device = found.logits.device
        return Answer(
            torch.tensor([row], dtype=torch.float64, device=device),
            group=torch.tensor([query.step], device=device),
        )

    def loss(self, answer: Answer, total: int) -> Tensor:
        """The contribution of these rows to the loss of ``total`` rows."""
        if answer.target is None:
            return answer.prediction[:, self.columns.index("loss")].sum() / total
        logit = at_least_float32(answer.prediction)
        label = answer.target.to(logit.dtype)
        none, edge = self.class_weights
        each = none + (edge - none) * label
        return F.binary_cross_entropy_with_logits(logit, label, each, reduction="sum") / total

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """Those of the class's docstring for a split, from the statistics of its steps.

        Raises:
            GraphError: The answers are those of training, whose pairs are not ranked.
        """
        answer = Answer.cat(answers)
        if answer.target is not None:
            raise GraphError(
                "answers",
                "pairs that were not ranked have no metrics",
                fix=f"Score the queries of stream({split!r}, final=True).",
            )
        found = dict(zip(self.columns, answer.prediction.double().unbind(1)))
        pairs = found["num_pairs"]
        ap = float((found["ap"] * pairs).sum() / pairs.sum())
        if self.sampled is not None:
            return {"mrr_sampled": float(found["mrr"].mean()), "ap_sampled": ap}
        return {
            "map": ap,
            "mrr": float(found["mrr"].mean()),
            "mrr_filtered": float(found["mrr_filtered"].mean()),
        }

    # ---------------------------------------------------------------- record
    def identity(self) -> dict[str, Any]:
        """The part of :meth:`protocol` that decides the numbers."""
        return {
            **self.timeline.describe(),
            "events": {s: self.stream(s).num_events for s in ("train", "val", "test")},
            "targets": {s: len(self._steps(s)) for s in ("train", "val", "test")},
            "negatives_per_edge": self.negatives,
            "negatives_drawn_from": self.drawn_from,
            "class_weights": list(self.class_weights),
            "negatives_seed": self.seed,
            "selection": self.selection,
            "computed": self._computed(),
        }

    def _computed(self) -> dict[str, str]:
        if self.sampled is not None:
            among = f"{self.sampled} drawn destinations that the source has no edge to"
            return {
                "mrr_sampled": f"per source mean of 1/rank among an edge and {among}, ties "
                "averaged, mean over sources, then steps",
                "ap_sampled": f"average precision of a step's edges against {among} for each, "
                "mean over steps by pairs",
            }
        return {
            "map": "average precision over all N^2 pairs of a step, mean over steps by pairs",
            "mrr": "per source mean of 1/rank among all N, unfiltered, ties averaged, mean "
            "over sources, then steps",
            "mrr_filtered": "as mrr, without the source's other edges",
        }

    # ---------------------------------------------------------------- inside
    def _summary(self) -> str:
        seen = f"{self.timeline.reach} steps seen, {self.mode}"
        if self.timeline.adj_window > 1:
            seen += f", each with the edges of {self.timeline.adj_window}"
        if self.drawn_from == "all":
            seen += "; negatives among all pairs"
        ranked = (
            "all pairs ranked" if self.sampled is None else f"ranked among {self.sampled} drawn"
        )
        return f"{self._sizes()} targets of {len(self.timeline)} steps, {seen}; {ranked}"

    def _edges(self, step: int) -> Tensor:
        return self.timeline.edges[step]

    def _rivals(self, query: SnapshotQuery) -> Tensor | None:
        """The destinations that each edge of a step competes with, ``[P, sampled]``."""
        if self.sampled is None:
            return None
        true = query.label == 1
        src, dst = query.src[true], query.dst[true]
        return absent_targets(src, dst, self.num_nodes, self.sampled, self.seed, -1, query.step)

    def _drawn(self, step: int, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
        """The edges of the step after this one, and pairs without an edge."""
        true = self._edges(step + 1)
        src, dst = torch.cat([true, self._absent.draw(step, epoch)], dim=1)
        label = torch.zeros(len(src), dtype=torch.int64)
        label[: true.shape[1]] = 1
        return src, dst, label
