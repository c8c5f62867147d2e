"""Temporal link prediction: ranking of candidate destinations for a source at a given time."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.checks import check_count
from graphkit.data import TemporalGraph
from graphkit.data.splits import HeldOutNodes, Split
from graphkit.errors import GraphError
from graphkit.metrics import average_precision, batch_mean, hits_at_k, mrr, roc_auc
from graphkit.registry import register
from graphkit.tasks.answer import Answer
from graphkit.tasks.graph_task import GraphTask, check_graph
from graphkit.tasks.link_questions import (
    DyGLibQuestions,
    LinkQuestions,
    TGBQuestions,
    TimeQuestions,
)
from graphkit.tasks.queries import Query, QueryStream

if TYPE_CHECKING:
    from graphkit.sampling.negatives import FixedNegatives

__all__ = ["LinkPrediction"]

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
        batch_mean: Number of events of the batches over which ``ap_batch_mean_32`` and
            ``auc_batch_mean_32`` (with this number in place of 32) are computed: the means over
            batches that many papers report. ``True`` is 32, ``False`` disables these metrics.
        seed: Seed of the negatives and of the held-out nodes.
        candidate_tile: Maximum number of candidates per event that an evaluation passes to the
            model at once, which bounds its memory; ``None`` passes all.

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
        batch_mean: bool | int = False,
        seed: int = 0,
        candidate_tile: int | None = 100,
    ) -> None:
        check_graph(graph)
        questions = TimeQuestions(
            graph,
            val=val,
            test=test,
            negatives=negatives,
            num_train_negatives=num_train_negatives,
            eval_negatives=eval_negatives,
            candidates=candidates,
            inductive=inductive,
            hold_out=hold_out,
            allow_true=allow_true,
            within_batch=within_batch,
            batch_mean=batch_mean,
            seed=seed,
        )
        self._set(questions, candidate_tile)

    @classmethod
    def dyglib(
        cls,
        graph: TemporalGraph,
        *,
        negatives: str | Sequence[str] = ("random", "historical", "inductive"),
        new_nodes: bool = False,
        within_batch: bool = False,
        seed: int = 0,
        candidate_tile: int | None = 100,
    ) -> LinkPrediction:
        """Create the task in the protocol of DyGLib, whose figures most papers report.

        The split is by time at the quantiles 0.70 and 0.85. Training contains no event of some
        drawn nodes, for the transductive figures and for those of new nodes alike. The negatives of
        validation and test are those of the published code
        (:class:`~graphkit.sampling.negatives.DyGLibNegatives`): historical and inductive negatives
        replace both ends of the event. ``ap_batch_mean_200`` and ``auc_batch_mean_200`` are the
        published metrics, means over batches of 200 events; ``ap`` and ``auc`` are those of the
        whole split, and the suffixes ``_historical`` and ``_inductive`` name the negatives. The
        epoch is selected by the validation with random negatives.

        Args:
            graph: The stream.
            negatives: Kinds of the negatives of the test.
            new_nodes: Whether the test contains only events with a node that training does not
                contain. Training and validation do not depend on this argument.
            within_batch: For models that read histories by time (``reads_earlier``): whether a
                query can use the strictly earlier events of its own batch and the early events of
                drawn nodes, as the neighbour lists of the published code. Without it, validation
                continues from the state after training, and the state does not change inside a
                batch of 200 events.
            seed: Seed of the training negatives.
            candidate_tile: As for :class:`LinkPrediction`.

        Raises:
            GraphError: The stream is too short for the split.
            UnknownNameError: There are no negatives of that name.
        """
        check_graph(graph)
        questions = DyGLibQuestions(
            graph,
            negatives=negatives,
            new_nodes=new_nodes,
            within_batch=within_batch,
            seed=seed,
        )
        task = cls.__new__(cls)
        task._set(questions, candidate_tile)
        return task

    @classmethod
    def tgb(
        cls,
        graph: TemporalGraph,
        *,
        num_negatives: int | None = None,
        lists: Mapping[str, FixedNegatives] | None = None,
        within_batch: bool = False,
        seed: int = 0,
        candidate_tile: int | None = 100,
    ) -> LinkPrediction:
        """Create the task in the protocol of the Temporal Graph Benchmark (TGB).

        The split is by time at the quantiles 0.70 and 0.85. ``mrr`` and ``hits@10`` rank the true
        destination of each event of validation and test among a fixed list of destinations, with
        ties averaged; the epoch is selected by the MRR of the validation. A score of a pair does
        not depend on the other candidates, so that the candidates of an event are scored in tiles.

        Args:
            graph: The stream.
            num_negatives: Length of the lists, which are drawn by the rule of the benchmark
                (:func:`~graphkit.sampling.negatives.tgb_negatives`): 20 for tgbl-coin, -comment and
                -flight, 100 for tgbl-review; ``None`` for every possible destination, as in
                tgbl-wiki.
            lists: Published lists of ``"val"`` and ``"test"``, instead of drawn ones.
            within_batch: For models that read histories by time (``reads_earlier``): whether a
                query can use the strictly earlier events of its own batch.
            seed: Seed of the training negatives.
            candidate_tile: As for :class:`LinkPrediction`.

        Raises:
            GraphError: A split is empty, or the lists belong to other events.
        """
        check_graph(graph)
        questions = TGBQuestions(
            graph,
            num_negatives=num_negatives,
            lists=lists,
            within_batch=within_batch,
            seed=seed,
        )
        task = cls.__new__(cls)
        task._set(questions, candidate_tile)
        return task

    def _set(self, questions: LinkQuestions, candidate_tile: int | None) -> None:
        super().__init__(questions.graph)
        if candidate_tile is not None:
            candidate_tile = check_count(candidate_tile, "candidate_tile", "no candidate fits")
        self.questions, self.candidate_tile = questions, candidate_tile
        self.selection = questions.selection
        self._constants: dict[Any, tuple[Tensor, Tensor]] = {}

    @property
    def split(self) -> Split:
        """Training, validation and test events."""
        return self.questions.split

    @property
    def held_out(self) -> HeldOutNodes | None:
        """Nodes without events in training and validation, with ``inductive=True``."""
        return self.questions.held_out

    @property
    def candidates(self) -> int:
        """Number of candidates per event for ``mrr``, 0 for none."""
        return self.questions.candidates

    @property
    def within_batch(self) -> bool:
        """Whether a query can use the strictly earlier events of its own batch."""
        return self.questions.within_batch

    @property
    def seed(self) -> int:
        """Seed of the negatives."""
        return self.questions.seed

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
        return self.questions.stream(split, batch_size, epoch, final, device)

    def past(self, split: str) -> list[TemporalGraph]:
        """Return the events before a split, in consecutive parts, as a model observes them."""
        return self.questions.past(split)

    def continues(self, split: str) -> bool:
        """Whether the run can continue into a split without a replay of :meth:`past`."""
        return self.questions.continues(split)

    # ---------------------------------------------------------------- answers
    def score(self, model: nn.Module, query: Query) -> Answer:
        """Return logits ``[B, C]`` of the candidates; the target is the column of the true
        destination, which is 0 in every row."""
        settings = {}
        if self.within_batch:
            if not getattr(model, "reads_earlier", False):
                raise GraphError(
                    "within_batch",
                    f"{type(model).__name__} knows what it has observed, and nothing of its batch",
                    expected="a model with reads_earlier, such as 'history'",
                    fix="Leave within_batch out, or take smaller batches.",
                )
            settings["earlier"] = query.events
        dst = query.dst
        padding = (dst < 0) if self.questions.padded and not torch.is_grad_enabled() else None
        if padding is not None:  # lists of different lengths
            dst = torch.where(padding, dst[:, :1], dst)
        own = dst.shape[1] - (0 if query.others is None else query.others.shape[1])
        tile = self.candidate_tile
        if query.others is None and (tile is None or own <= tile or torch.is_grad_enabled()):
            logits = model.score(query.src, dst, query.t, **settings)
        else:
            tiles = dst[:, :own].split(tile or own, dim=1)
            parts = [model.score(query.src, some, query.t, **settings) for some in tiles]
            if query.others is not None:
                for src, one in zip(query.others.unbind(1), dst[:, own:].unbind(1)):
                    parts.append(model.score(src, one, query.t, **settings).unsqueeze(1))
            logits = torch.cat(parts, dim=1)
        if padding is not None:
            logits = logits.masked_fill(padding, -torch.inf)
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
        questions, columns = self.questions, self.questions.columns(split, final)
        asked = 1 + sum(column.num for column in columns)
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
        mean = f"_batch_mean_{questions.batch_mean}" if questions.batch_mean else ""
        means = mean and (final or self.selection.endswith(mean))
        positive, first = scores[:, 0], 1
        for column in columns:
            part = scores[:, first : first + column.num]
            first += column.num
            if column.purpose == "rank":
                ranked = torch.cat([positive.unsqueeze(1), part], dim=1)
                found["mrr"] = mrr(ranked)
                found["hits@10"] = hits_at_k(ranked, 10)
                continue
            suffix = "" if column.kind == questions.main else f"_{column.kind}"
            metrics = {"ap": average_precision, "auc": roc_auc}
            found |= {f"{name}{suffix}": metric(positive, part) for name, metric in metrics.items()}
            if means:
                for name, metric in metrics.items():
                    value = batch_mean(metric, positive, part, questions.batch_mean)
                    found[f"{name}{suffix}{mean}"] = value
        return found

    # ---------------------------------------------------------------- record
    def protocol(self) -> dict[str, Any]:
        """Return the split, the negatives with their pools and the definition of each metric, as
        plain values."""
        return {**super().protocol(), "pools": self.questions.pools()}

    def identity(self) -> dict[str, Any]:
        """Return the part of :meth:`protocol` that determines the numbers. It is equal before and
        after a run, unlike the number of draws from a pool."""
        questions = self.questions
        whole = "over all positives and negatives of the split at once"
        computed = {"ap": whole, "auc": whole}
        if questions.candidates:
            ranked = (
                f"positive among {questions.candidates} {questions.ranked_among}, ties averaged"
            )
            computed |= {"mrr": ranked, "hits@10": ranked}
        if questions.batch_mean:
            size = questions.batch_mean
            text = f"mean over batches of {size} events"
            computed |= {f"{name}_batch_mean_{size}": text for name in ("ap", "auc")}
        return {
            "name": questions.name,
            **questions.identity(),
            "within_batch": questions.within_batch,
            "context": "event" if questions.within_batch else "batch",
            "negatives_seed": questions.seed,
            "selection": self.selection,
            "computed": computed,
            "stream_sha256": self._fingerprint,
        }

    # ---------------------------------------------------------------- internals
    def _summary(self) -> str:
        return self.questions.summary()

    @functools.cached_property
    def _fingerprint(self) -> str:
        """Checksum of all events, times and split borders, for the comparison of records."""
        digest = hashlib.sha256()
        for subset in self.split:
            for column in (subset.src, subset.dst, subset.t):
                digest.update(column.cpu().contiguous().numpy().tobytes())
            digest.update(b"|")
        return digest.hexdigest()[:16]
