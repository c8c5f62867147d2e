"""The questions of link prediction as in the Temporal Graph Benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.data.splits import split_by_time
from graphkit.errors import GraphError
from graphkit.tasks.link_questions.questions import SPLITS, Column, LinkQuestions

if TYPE_CHECKING:
    from graphkit.sampling.negatives import FixedNegatives

__all__ = ["TGBQuestions"]


class TGBQuestions(LinkQuestions):
    """The protocol of TGB; see :meth:`graphkit.LinkPrediction.tgb` for the arguments.

    Source: Huang et al., "Temporal Graph Benchmark for Machine Learning on Temporal Graphs",
    NeurIPS 2023 Datasets and Benchmarks, arXiv 2307.01026, and its public code.

    Raises:
        GraphError: A split is empty, or the lists belong to other events.
    """

    name = "tgb"
    selection = "mrr"
    ranked_among = "fixed destinations"

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        num_negatives: int | None,
        lists: Mapping[str, FixedNegatives] | None,
        within_batch: bool,
        seed: int,
    ) -> None:
        super().__init__(graph, split_by_time(graph), seed=seed, within_batch=within_batch)
        self.published = lists is not None
        if lists is None:
            from graphkit.sampling.negatives import tgb_negatives

            lists = tgb_negatives(self.split, num_negatives)
        elif num_negatives is not None:
            raise GraphError("num_negatives", "the given lists have their own length")
        if set(lists) != {"val", "test"}:
            raise GraphError(
                "lists", "validation and test need lists", expected="val, test", got=list(lists)
            )
        for name, fixed in lists.items():
            fixed.check_covers(getattr(self.split, name))
        self.lists = dict(lists)
        self.padded = any(fixed.padded for fixed in lists.values())
        self.candidates = lists["test"].pool["size"]

    def columns(self, split: str, final: bool) -> list[Column]:
        """Return the candidates of each event, in the order of the columns."""
        check_choice(split, "split", SPLITS)
        if split == "train":
            return [Column("random", "pair", 1)]
        return [Column("fixed", "rank", self.lists[split].pool["size"])]

    def make_sampler(self, column: Column, split: str) -> Any:
        """Create the negatives of a column."""
        from graphkit.sampling.negatives import RandomNegatives

        if split != "train":
            return self.lists[split]
        pool = self.split.train.dst.unique()
        return RandomNegatives(self.graph, seed=self.seed, pool=pool, allow_true=True)

    def identity(self) -> dict[str, Any]:
        """Return what determines the numbers, as plain values."""
        sizes = {name: self.lists[name].pool["size"] for name in SPLITS[1:]}
        return {
            "split": "70%/15%/15% by time quantile",
            "events": {s: len(getattr(self.split, s)) for s in SPLITS},
            "test_queries": len(self.split.test),
            "negatives": {"train": "random", "val": "fixed lists", "test": "fixed lists"},
            "negatives_per_event": {"train": 1} | sizes,
            "lists": "given" if self.published else "drawn by the rule of the benchmark",
            "lists_sha256": {n: self.lists[n].pool["sha256"] for n in SPLITS[1:]},
            "candidates": self.candidates,
            "redrawn": "training negatives every epoch; validation and test never",
            "edge_features": self.graph.tables.edge_attr is not None,
        }

    def summary(self) -> str:
        """Return the protocol in one line."""
        lists = "given lists" if self.published else "lists drawn by its rule"
        return f"TGB protocol, MRR among {self.candidates} fixed destinations ({lists})"
