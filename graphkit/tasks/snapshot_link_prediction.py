"""Link prediction over snapshots: which pairs have an edge in the next step?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.data import TemporalGraph
from graphkit.errors import GraphError, UnknownNameError
from graphkit.metrics.snapshot_ranking import rank_all_pairs, rank_drawn
from graphkit.ops.absent_targets import absent_targets
from graphkit.ops.distinct_pairs import distinct_pairs
from graphkit.registry import register
from graphkit.tasks.snapshot_task import SnapshotTask, row_of
from graphkit.tasks.snapshot_timeline import SnapshotQuery, SnapshotStream, Timeline

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
        if negatives < 1:
            raise GraphError("negatives", "nothing to tell apart", expected=">= 1", got=negatives)
        if sampled is not None and sampled < 1:
            raise GraphError("sampled", "nothing to rank among", expected=">= 1", got=sampled)
        measured = _METRICS if sampled is None else _SAMPLED
        if selection is None:
            selection = measured[0]
        if selection not in measured:
            raise UnknownNameError("selection", selection, measured)
        if drawn_from not in ("window", "all"):
            raise UnknownNameError("drawn_from", drawn_from, ("window", "all"))
        super().__init__(graph, Timeline(graph, **timeline))
        self.negatives, self.class_weights = negatives, tuple(class_weights)
        self.sampled = sampled
        self.drawn_from, self.selection, self.seed = drawn_from, selection, seed
        self._most: dict[int, int] = {}
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
        """One query per step, whatever ``batch_size`` is; see :class:`graphkit.tasks.task.Task`."""
        steps = self._steps(split)
        whole = split != "train" or final
        if whole:  # a step without an edge has no ranks
            sizes = [int(self._edges(step + 1).shape[1] > 0) for step in steps]
        else:
            sizes = [self._edges(step + 1).shape[1] + self._wanted(step) for step in steps]
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
    def score(self, model: nn.Module, query: SnapshotQuery) -> Tensor:
        """In training the logit of an edge, which is the difference of the head's two, and the
        label, ``[M, 2]``; otherwise one row per step, float64 ``[1, 5]``: average precision, MRR,
        filtered MRR, number of pairs, loss on drawn pairs; if sampled without the filtered MRR,
        ``[1, 4]``."""
        h = model(query.snapshots)
        rows = row_of(h, query.snapshots[-1])
        logit = _logits(model, h, rows, query, query.src, query.dst)
        scores = torch.stack([logit, query.label.to(logit.dtype)]).t()  # columns without gaps
        if not query.whole:
            return scores
        if self.sampled is not None:
            row = self._rank_drawn(model, h, rows, logit, query)
            row.append(float(self.loss(scores, len(scores)).detach()))
            return torch.tensor([row], dtype=torch.float64, device=h.device)
        size = query.snapshots[-1].size if rows is not None else None
        if rows is None:  # nodes that nothing has told apart are scored once
            h, rows, size = h.unique(dim=0, return_inverse=True, return_counts=True)
        true = query.label == 1
        met = getattr(model, "pair_history", None)
        found = rank_all_pairs(
            model.head.margins(h),
            len(h),
            query.src[true],
            query.dst[true],
            position=rows,
            size=size,
            offsets=None if met is None else met.pairs(query.snapshots),
        )
        row = [found.ap, found.mrr, found.mrr_filtered, found.num_pairs]
        row.append(float(self.loss(scores, len(scores)).detach()))
        return torch.tensor([row], dtype=torch.float64, device=h.device)

    def loss(self, scores: Tensor, total: int) -> Tensor:
        """The part of the loss that these rows have, of ``total`` rows."""
        if scores.shape[1] != 2:
            return scores[:, -1].sum() / total
        logit, label = scores[:, 0].float(), scores[:, 1].detach().float()
        none, edge = self.class_weights
        each = none + (edge - none) * label
        return F.binary_cross_entropy_with_logits(logit, label, each, reduction="sum") / total

    def metrics(self, scores: Tensor, split: str, *, final: bool = False) -> dict[str, float]:
        """Those of the class's docstring for a split, from the rows of its steps."""
        scores = scores.double()
        pairs = scores[:, -2]
        ap = float((scores[:, 0] * pairs).sum() / pairs.sum())
        if self.sampled is not None:
            return {"mrr_sampled": float(scores[:, 1].mean()), "ap_sampled": ap}
        return {
            "map": ap,
            "mrr": float(scores[:, 1].mean()),
            "mrr_filtered": float(scores[:, 2].mean()),
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

    def _rank_drawn(
        self, model: nn.Module, h: Tensor, rows: Tensor | None, logit: Tensor, query: SnapshotQuery
    ) -> list[float]:
        """Average precision, MRR and number of pairs of the edges among what is drawn for them."""
        true = query.label == 1
        src, dst = query.src[true], query.dst[true]
        rivals = absent_targets(src, dst, self.num_nodes, self.sampled, self.seed, -1, query.step)
        one, other = src.repeat_interleave(self.sampled), rivals.reshape(-1)
        drawn = _logits(model, h, rows, query, one, other).detach().view(-1, self.sampled)
        return list(rank_drawn(logit[true].detach(), drawn, src))

    def _drawn(self, step: int, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
        """The edges of the step after this one, and pairs without an edge."""
        true = self._edges(step + 1)
        src, dst = torch.cat([true, self._negatives(step, epoch)], dim=1)
        label = torch.zeros(len(src), dtype=torch.int64)
        label[: true.shape[1]] = 1
        return src, dst, label

    def _negatives(self, step: int, epoch: int) -> Tensor:
        """Pairs ``[2, M]``, in the order in which they were drawn."""
        true, n = self._edges(step + 1), self.num_nodes
        at = (self.seed, epoch, step)
        known = true[0] * n + true[1]
        return distinct_pairs(*self._ends(step), known, n, self._wanted(step), *at)

    def _wanted(self, step: int) -> int:
        """As many negatives as asked for, or half of what there is."""
        if step not in self._most:
            true = self._edges(step + 1)
            sources, targets = (ends.unique().numel() for ends in self._ends(step))
            room = sources * targets - true.shape[1]
            self._most[step] = max(0, min(self.negatives * true.shape[1], room // 2))
        return self._most[step]

    def _ends(self, step: int) -> tuple[Tensor, Tensor]:
        """Where sources and destinations of negatives are drawn from."""
        if self.drawn_from == "all":
            every = torch.arange(self.num_nodes)
            return every, every
        steps = self.timeline.edges[max(0, step - self.timeline.history) : step + 1]
        return self._edges(step + 1)[0], torch.cat([edges.reshape(-1) for edges in steps])


def _logits(
    model: nn.Module,
    h: Tensor,
    rows: Tensor | None,
    query: SnapshotQuery,
    src: Tensor,
    dst: Tensor,
) -> Tensor:
    """Logits of an edge, ``[M]``, of pairs of nodes: the head's, and what their history adds."""
    one, other = src, dst
    if rows is not None:
        one, other = rows.index_select(0, src), rows.index_select(0, dst)
    logit = model.head.differences(h, one, other)
    met = getattr(model, "pair_history", None)
    return logit if met is None else logit + met(query.snapshots, src, dst)
