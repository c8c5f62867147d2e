"""Temporal link prediction: ranking of candidate destinations for a source at a given time."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.checks import check_choice, check_count
from graphkit.data import TemporalGraph
from graphkit.data.splits import HeldOutNodes, Split, hold_out_nodes, split_by_time
from graphkit.errors import GraphError
from graphkit.metrics import average_precision, batch_mean, hits_at_k, mrr, roc_auc
from graphkit.registry import register
from graphkit.tasks.answer import Answer
from graphkit.tasks.graph_task import GraphTask
from graphkit.tasks.queries import Query, QueryStream

if TYPE_CHECKING:
    from graphkit.sampling.negatives import FixedNegatives

__all__ = ["LinkPrediction"]

_SPLITS = ("train", "val", "test")
_KEPT = 1 << 20  # largest number of scores for which targets and weights are cached


@register("task", "link_prediction", view="stream")
class LinkPrediction(GraphTask):
    r"""Score the true destination of each event against other destinations, given earlier events.

    The stream is split by time. The loss of a batch is the mean of
    :math:`\log(1 + e^{-s})` over positives plus the mean of :math:`\log(1 + e^{s})` over negatives.
    AP and AUC compare all positives of a split with all its negatives, one per event; MRR and hits
    rank each positive among ``candidates`` random destinations. The negatives of validation and
    test are fixed; those of training change in every epoch. They are functions of the seed, the
    epoch and the event, and are therefore equal for every model, batch size and number of
    processes.

    With ``inductive=True`` some nodes are held out: all their events are removed from training and
    validation, and the test contains only events of held-out nodes, which are scored by a model
    that has observed all earlier events.

    Args:
        graph: The stream.
        val: Fraction of the events, by time, for validation.
        test: Fraction of the events for the test, at the end of the stream.
        negatives: ``"random"``, ``"historical"`` or ``"inductive"``: kind of the negatives for
            training, validation and the test metrics ``ap`` and ``auc``.
        num_train_negatives: Number of negatives per training event.
        eval_negatives: Additional kinds of negatives for the test, reported as ``ap_historical``
            and so on.
        candidates: Number of random candidates per test event for ``mrr`` and ``hits@10``, where 0
            disables these metrics; or published candidates as
            :class:`~graphkit.sampling.negatives.FixedNegatives`.
        inductive: Whether to hold out nodes and test on their events.
        hold_out: Fraction of nodes to hold out.
        allow_true: Whether negatives may be true events of the same source and time. Many
            published results were computed this way; they are lower on streams where one source
            has events with many destinations at the same time.
        within_batch: Whether a query can use the strictly earlier events of its own batch, as in
            implementations that search histories by time; for models with ``reads_earlier``. The
            available history then does not depend on the batch size.
        batch_mean: Whether to also report ``ap_batch_mean_32`` and ``auc_batch_mean_32``, the means
            over batches of 32 events that many papers report.
        seed: Seed of the negatives and of the held-out nodes.

    Raises:
        GraphError: A fraction or a number is out of range, or training has no event.
        UnknownNameError: There are no negatives of that name.
    """

    name = "link_prediction"
    view = "stream"
    calls = ("score",)
    selection = "ap"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        val: float = 0.15,
        test: float = 0.15,
        negatives: str = "random",
        num_train_negatives: int = 1,
        eval_negatives: Sequence[str] = ("random",),
        candidates: int | FixedNegatives = 0,
        inductive: bool = False,
        hold_out: float = 0.1,
        allow_true: bool = False,
        within_batch: bool = False,
        batch_mean: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(graph)
        num_train_negatives = check_count(
            num_train_negatives, "num_train_negatives", "training needs something to tell apart"
        )
        self._lists = candidates if hasattr(candidates, "pool") else None
        if self._lists is not None:
            candidates = self._lists.pool["size"]
        elif isinstance(candidates, bool) or candidates != 0:
            candidates = check_count(candidates, "candidates", "neither a number nor fixed lists")
        if isinstance(eval_negatives, str):
            eval_negatives = (eval_negatives,)
        self.negatives = negatives
        self.eval_negatives = tuple(dict.fromkeys([negatives, *eval_negatives]))
        self.num_train_negatives = num_train_negatives
        self.candidates = candidates
        self.allow_true = allow_true
        self.within_batch = within_batch
        self._ranked_among = "random destinations" if self._lists is None else "fixed lists"
        self.batch_mean = batch_mean
        self.seed = int(seed)
        self._shares = (val, test)
        self._full = split_by_time(graph, val, test)
        self.held_out: HeldOutNodes | None = None
        self.split = self._full
        if inductive:
            self.held_out = hold_out_nodes(graph, hold_out, seed=seed, after=1 - val - test)
            self.split = _split_like(self.held_out.seen, self._full)
        if len(self.split.train) == 0:
            raise GraphError("train", "no event is left to train on")
        self._samplers: dict[tuple[str, str, str], Any] = {}
        self._constants: dict[Any, tuple[Tensor, Tensor]] = {}
        for kind in self.eval_negatives:  # raises for an unknown name before training
            self._sampler(kind, "test")

    # ---------------------------------------------------------------- queries
    def columns_read(self, model: Any) -> set[str]:
        """Return the features that the model was built for: ``edge_attr`` (``edge_dim``), ``x``."""
        width = getattr(model, "edge_dim", None)
        found = set() if width == 0 else {"edge_attr"}
        if width is None:  # a model that does not say gets whole batches
            found |= {"edge_weight", "edge_type"}
        if getattr(model, "x", "unsaid" if width is None else None) is not None:
            found.add("x")
        return found

    def stream(
        self,
        split: str,
        batch_size: int,
        *,
        epoch: int = 0,
        final: bool = False,
        device: torch.device | str = "cpu",
    ) -> QueryStream:
        """Return the batches of a split with candidates; see :class:`graphkit.protocols.Task`."""
        batch_size = check_count(batch_size, "batch_size", "not a batch size")
        asked = None
        if split == "test" and self.held_out is not None:
            asked = self.held_out.touches(self.split.test.src, self.split.test.dst)
        drawn = []
        for kind, purpose, num in self._columns(split, final):
            sampler = self._sampler(kind, split, purpose)
            sampler.reset(epoch=epoch if split == "train" else 0)
            drawn.append((sampler, num))
        return QueryStream(self._events(split), drawn, batch_size, asked, device)

    def past(self, split: str) -> list[TemporalGraph]:
        """Return the splits before this one; for the test with held-out nodes, these include all
        events, also those removed from training."""
        check_choice(split, "split", _SPLITS)
        complete = split == "test" and self.held_out is not None
        return list((self._full if complete else self.split)[: _SPLITS.index(split)])

    def continues(self, split: str) -> bool:
        """Whether the run can continue into a split without a replay, which is false only for the
        test with held-out nodes."""
        return not (split == "test" and self.held_out is not None)

    # ---------------------------------------------------------------- answers
    def score(self, model: nn.Module, query: Query) -> Answer:
        """Return logits ``[B, C]`` of the candidates; the target is the column of the true
        destination, which is 0 in every row."""
        if self.within_batch:
            if not getattr(model, "reads_earlier", False):
                raise GraphError(
                    "within_batch",
                    f"{type(model).__name__} knows what it has observed, and nothing of its batch",
                    expected="a model with reads_earlier, such as 'history'",
                    fix="Leave within_batch out, or take smaller batches.",
                )
            logits = model.score(query.src, query.dst, query.t, earlier=query.events)
        else:
            logits = model.score(query.src, query.dst, query.t)
        return Answer(logits, query.src.new_zeros(len(query)))

    def loss(self, answer: Answer, total: int) -> Tensor:
        """Contribution of these rows to the loss of a batch of ``total`` rows.

        Args:
            answer: Logits ``[b, C]``, with the true destination in column 0.
            total: Number of rows of the whole batch.
        """
        scores = answer.prediction
        if scores.dtype in (torch.float16, torch.bfloat16):
            scores = scores.float()
        key = (scores.shape, total, scores.device, scores.dtype)
        constants = self._constants.get(key)
        if constants is None:
            weight = torch.full_like(scores, 1 / (total * max(scores.shape[1] - 1, 1)))
            weight[:, 0] = 1 / total
            target = torch.zeros_like(scores)
            target[:, 0] = 1
            constants = (target.detach(), weight.detach())
            if scores.numel() < _KEPT and len(self._constants) < 64:  # not for whole splits
                self._constants[key] = constants
        return F.binary_cross_entropy_with_logits(scores, *constants, reduction="sum")

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """Compute AP and AUC per kind of negatives (``negatives`` without a suffix), MRR and
        hits@10.

        Args:
            answers: Logits ``[Q, C]`` of all queries of the split, with the columns of
                :meth:`stream` for the same ``final``.
            split: ``"train"``, ``"val"`` or ``"test"``.
            final: Whether to compute the final metrics with all kinds of negatives.

        Raises:
            GraphError: The columns differ from those of :meth:`stream`, or the true destination is
                not in the first column.
        """
        answer = Answer.cat(answers)
        scores, found = answer.prediction, dict[str, float]()
        asked = 1 + sum(num for _, _, num in self._columns(split, final))
        if scores.shape[1] != asked:
            raise GraphError(
                "answers",
                f"these are not the columns of {split!r} with final={final}",
                expected=f"{asked} candidates in a row",
                got=scores.shape[1],
                fix=f"Score the queries of stream({split!r}, ..., final={final}).",
            )
        if answer.target is not None and bool(answer.target.any()):
            raise GraphError("target", "the true destination is not in the first column")
        positive, column = scores[:, 0], 1
        for kind, purpose, num in self._columns(split, final):
            part = scores[:, column : column + num]
            column += num
            if purpose == "rank":
                ranked = torch.cat([positive.unsqueeze(1), part], dim=1)
                found["mrr"] = mrr(ranked)
                found["hits@10"] = hits_at_k(ranked, 10)
                continue
            suffix = "" if kind == self.negatives else f"_{kind}"
            found[f"ap{suffix}"] = average_precision(positive, part)
            found[f"auc{suffix}"] = roc_auc(positive, part)
            if self.batch_mean and final:
                for name, metric in (("ap", average_precision), ("auc", roc_auc)):
                    mean = batch_mean(metric, positive, part, 32)
                    found[f"{name}{suffix}_batch_mean_32"] = mean
        return found

    # ---------------------------------------------------------------- record
    def protocol(self) -> dict[str, Any]:
        """Return the split, the negatives with their pools and the definition of each metric, as
        plain values."""
        pools = {
            f"{split}, {kind}" + (", ranking" if purpose == "rank" else ""): (
                self._sampler(kind, split, purpose).pool
            )
            for split in _SPLITS
            for kind, purpose, _ in self._columns(split, final=split == "test")
        }
        return {**super().protocol(), "pools": pools}

    def identity(self) -> dict[str, Any]:
        """Return the part of :meth:`protocol` that determines the numbers. It is equal before and
        after a run, unlike the number of draws from a pool."""
        val, test = self._shares
        whole = "over all positives and negatives of the split at once"
        ranked = f"positive among {self.candidates} {self._ranked_among}, ties averaged"
        asked = len(self.split.test)
        if self.held_out is not None:
            asked = int(self.held_out.touches(self.split.test.src, self.split.test.dst).sum())
        return {
            "split": f"{1 - val - test:.0%}/{val:.0%}/{test:.0%} by time quantile",
            "events": {s: len(getattr(self.split, s)) for s in _SPLITS},
            "test_queries": asked,
            "inductive": None
            if self.held_out is None
            else {
                "held_out_nodes": self.held_out.nodes.numel(),
                "train_and_val": "without events that touch a held-out node",
                "test": "events that touch one, after replaying all earlier events",
            },
            "negatives": {"train": self.negatives, "val": self.negatives, "test": self.negatives},
            "negatives_per_event": {"train": self.num_train_negatives, "val": 1, "test": 1},
            "also_tested_on": list(self.eval_negatives[1:]),
            "candidates": self.candidates,
            "true_events_as_negatives": self.allow_true,
            "within_batch": self.within_batch,
            "negatives_seed": self.seed,
            "redrawn": "training negatives every epoch; validation and test never",
            "selection": self.selection,
            "computed": {"ap": whole, "auc": whole}
            | ({"mrr": ranked, "hits@10": ranked} if self.candidates else {}),
            "stream_sha256": self._fingerprint,
        }

    # ---------------------------------------------------------------- internals
    def _summary(self) -> str:
        val, test = self._shares
        kind = "" if self.held_out is None else "inductive, "
        text = f"{kind}split {1 - val - test:.0%}/{val:.0%}/{test:.0%} by time"
        blind = ", true events among them" if self.allow_true else ""
        text += f", {self.negatives} negatives (seed {self.seed}{blind})"
        text += ", AP and AUC over the whole split"
        return text + (f", MRR of {self.candidates} candidates" if self.candidates else "")

    def _columns(self, split: str, final: bool) -> list[tuple[str, str, int]]:
        """Kinds, purposes and numbers of the negatives of a split, in the order of the columns."""
        check_choice(split, "split", _SPLITS)
        if split == "train" and not final:
            return [(self.negatives, "pair", self.num_train_negatives)]
        if not final:
            return [(self.negatives, "pair", 1)]
        columns = [(kind, "pair", 1) for kind in self.eval_negatives]
        kind = "random" if self._lists is None else "fixed"
        return columns + ([(kind, "rank", self.candidates)] if self.candidates else [])

    def _sampler(self, kind: str, split: str, purpose: str = "pair") -> Any:
        if purpose == "rank" and self._lists is not None:
            return self._lists
        key = (kind, split, purpose)
        if key not in self._samplers:
            from graphkit.sampling import negatives

            # Negatives of training are drawn only from the destinations in the training period.
            # With held-out nodes, training and validation draw from events without such nodes only.
            seen = self.graph if split == "test" or self.held_out is None else self.held_out.seen
            options = {"pool": self.split.train.dst.unique()} if split == "train" else {}
            self._samplers[key] = negatives.create(
                kind,
                graph=seen,
                train=self.split.train,
                seed=self.seed + (purpose == "rank"),
                allow_true=self.allow_true,
                **options,
            )
        return self._samplers[key]

    def _events(self, split: str) -> TemporalGraph:
        return getattr(self.split, split)

    @functools.cached_property
    def _fingerprint(self) -> str:
        """Checksum of all events, times and split borders, for the comparison of records."""
        digest = hashlib.sha256()
        for subset in self.split:
            for column in (subset.src, subset.dst, subset.t):
                digest.update(column.cpu().contiguous().numpy().tobytes())
            digest.update(b"|")
        return digest.hexdigest()[:16]


def _split_like(seen: TemporalGraph, full: Split) -> Split:
    """Split with training and validation parts of the seen events and the test part of all."""
    borders = [subset.t_min for subset in (full.val, full.test)]
    second = borders[1]
    first = borders[0] if borders[0] is not None else second
    return Split(seen.between(None, first), seen.between(first, second), full.test)
