"""The questions of link prediction over a split by time, with negatives that keep the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from graphkit.checks import check_choice, check_count
from graphkit.data import TemporalGraph
from graphkit.data.splits import Split, hold_out_nodes, split_by_time
from graphkit.errors import GraphError
from graphkit.tasks.link_questions.questions import SPLITS, Column, LinkQuestions

if TYPE_CHECKING:
    from graphkit.sampling.negatives import FixedNegatives

__all__ = ["TimeQuestions"]


class TimeQuestions(LinkQuestions):
    """A split by time and negatives with the source and the time of their event.

    The arguments are those of :class:`graphkit.LinkPrediction`.
    """

    name = "by time"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        val: float,
        test: float,
        negatives: str,
        num_train_negatives: int,
        eval_negatives: Sequence[str],
        candidates: int | FixedNegatives,
        inductive: bool,
        hold_out: float,
        allow_true: bool,
        within_batch: bool,
        batch_mean: bool | int,
        seed: int,
    ) -> None:
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
        if isinstance(batch_mean, bool) or batch_mean == 0:
            batch_mean = 32 if batch_mean else 0
        else:
            batch_mean = check_count(batch_mean, "batch_mean", "not a number of events")
        self.main = negatives
        self.kinds = tuple(dict.fromkeys([negatives, *eval_negatives]))
        self.num_train_negatives, self.candidates = num_train_negatives, candidates
        self.allow_true, self.batch_mean = allow_true, batch_mean
        self.ranked_among = "random destinations" if self._lists is None else "fixed lists"
        self._shares = (val, test)
        self._full = split = split_by_time(graph, val, test)
        if inductive:
            self.held_out = hold_out_nodes(graph, hold_out, seed=int(seed), after=1 - val - test)
            split = _split_like(self.held_out.seen, self._full)
        if len(split.train) == 0:
            raise GraphError("train", "no event is left to train on")
        super().__init__(graph, split, seed=seed, within_batch=within_batch)
        for kind in self.kinds:  # raises for an unknown name before training
            self.sampler(Column(kind, "pair", 1), "test")

    def columns(self, split: str, final: bool) -> list[Column]:
        """Return the candidates of each event, in the order of the columns."""
        check_choice(split, "split", SPLITS)
        if split == "train" and not final:
            return [Column(self.main, "pair", self.num_train_negatives)]
        if not final:
            return [Column(self.main, "pair", 1)]
        found = [Column(kind, "pair", 1) for kind in self.kinds]
        kind = "random" if self._lists is None else "fixed"
        return found + ([Column(kind, "rank", self.candidates)] if self.candidates else [])

    def make_sampler(self, column: Column, split: str) -> Any:
        """Create the negatives of a column.

        Those of training are drawn only from the destinations in the training period. With held-out
        nodes, training and validation draw from events without such nodes only.
        """
        if column.purpose == "rank" and self._lists is not None:
            return self._lists
        from graphkit.sampling import negatives

        seen = self.graph if split == "test" or self.held_out is None else self.held_out.seen
        options = {"pool": self.split.train.dst.unique()} if split == "train" else {}
        return negatives.create(
            column.kind,
            graph=seen,
            train=self.split.train,
            seed=self.seed + (column.purpose == "rank"),
            allow_true=self.allow_true,
            **options,
        )

    def asked(self, split: str) -> Tensor | None:
        """Return the events of the test with a held-out node; ``None`` if all events are scored."""
        if split != "test" or self.held_out is None:
            return None
        return self.held_out.touches(self.split.test.src, self.split.test.dst)

    def past(self, split: str) -> list[TemporalGraph]:
        """Return the splits before this one; for the test with held-out nodes, these include all
        events, also those removed from training."""
        check_choice(split, "split", SPLITS)
        complete = split == "test" and self.held_out is not None
        return list((self._full if complete else self.split)[: SPLITS.index(split)])

    def continues(self, split: str) -> bool:
        """Whether the run can continue into a split without a replay, which is false only for the
        test with held-out nodes."""
        return not (split == "test" and self.held_out is not None)

    def identity(self) -> dict[str, Any]:
        """Return what determines the numbers, as plain values."""
        val, test = self._shares
        asked = self.asked("test")
        return {
            "split": f"{1 - val - test:.0%}/{val:.0%}/{test:.0%} by time quantile",
            "events": {s: len(getattr(self.split, s)) for s in SPLITS},
            "test_queries": len(self.split.test) if asked is None else int(asked.sum()),
            "inductive": None
            if self.held_out is None
            else {
                "held_out_nodes": self.held_out.nodes.numel(),
                "train_and_val": "without events that touch a held-out node",
                "test": "events that touch one, after replaying all earlier events",
            },
            "negatives": {"train": self.main, "val": self.main, "test": self.main},
            "negatives_per_event": {"train": self.num_train_negatives, "val": 1, "test": 1},
            "also_tested_on": list(self.kinds[1:]),
            "candidates": self.candidates,
            "true_events_as_negatives": self.allow_true,
            "redrawn": "training negatives every epoch; validation and test never",
        }

    def summary(self) -> str:
        """Return the protocol in one line."""
        val, test = self._shares
        kind = "" if self.held_out is None else "inductive, "
        text = f"{kind}split {1 - val - test:.0%}/{val:.0%}/{test:.0%} by time"
        blind = ", true events among them" if self.allow_true else ""
        text += f", {self.main} negatives (seed {self.seed}{blind})"
        text += ", AP and AUC over the whole split"
        return text + (f", MRR of {self.candidates} candidates" if self.candidates else "")


def _split_like(seen: TemporalGraph, full: Split) -> Split:
    """Split with training and validation parts of the seen events and the test part of all."""
    borders = [subset.t_min for subset in (full.val, full.test)]
    second = borders[1]
    first = borders[0] if borders[0] is not None else second
    return Split(seen.between(None, first), seen.between(first, second), full.test)
