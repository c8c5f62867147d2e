"""The questions of link prediction exactly as in the tables of DyGLib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.data.dyglib_split import dyglib_split
from graphkit.data.splits import Split
from graphkit.errors import GraphError
from graphkit.tasks.link_questions.questions import SPLITS, Column, LinkQuestions

__all__ = ["DyGLibQuestions"]

_KINDS = ("random", "historical", "inductive")
_BATCH = 200
# Seeds of the samplers in the published code, by split and by whether only new nodes are asked.
_SEEDS = {("val", False): 0, ("test", False): 2, ("test", True): 3}


class DyGLibQuestions(LinkQuestions):
    """The protocol of DyGLib; see :meth:`graphkit.LinkPrediction.dyglib` for the arguments.

    Source: Yu et al., "Towards Better Dynamic Graph Learning: New Architecture and Unified
    Library", NeurIPS 2023, arXiv 2303.13047, and its public code.

    Raises:
        GraphError: The stream is too short for the split.
        UnknownNameError: There are no negatives of that name.
    """

    name = "dyglib"
    selection = f"ap_batch_mean_{_BATCH}"
    batch_mean = _BATCH

    def __init__(
        self,
        graph: TemporalGraph,
        *,
        negatives: str | Sequence[str],
        new_nodes: bool,
        within_batch: bool,
        seed: int,
    ) -> None:
        kinds = (negatives,) if isinstance(negatives, str) else tuple(negatives)
        if not kinds:
            raise GraphError("negatives", "there is no kind of negatives", expected=str(_KINDS))
        for kind in kinds:
            check_choice(kind, "negatives", _KINDS)
        self.kinds = tuple(kind for kind in _KINDS if kind in kinds)
        self.new_nodes = bool(new_nodes)
        self.periods = periods = dyglib_split(graph)
        split = Split(periods.train, periods.val, periods.test)
        super().__init__(graph, split, seed=seed, within_batch=within_batch)

    def columns(self, split: str, final: bool) -> list[Column]:
        """Return the candidates of each event, in the order of the columns."""
        check_choice(split, "split", SPLITS)
        kinds = self.kinds if final and split != "train" else ("random",)
        return [Column(kind, "pair", 1) for kind in kinds]

    def make_sampler(self, column: Column, split: str) -> Any:
        """Create the negatives of a column."""
        from graphkit.sampling.negatives import DyGLibNegatives, RandomNegatives

        if split == "train":
            pool = self.split.train.dst.unique()
            return RandomNegatives(self.graph, seed=self.seed, pool=pool, allow_true=True)
        new = split == "test" and self.new_nodes
        events, asked = self.graph, getattr(self.periods, split)
        if new:
            events = asked = asked.filter_events(self.periods.touches_new(asked))
        last = {"val": self.periods.train, "test": self.periods.val}[split].t_max
        return DyGLibNegatives(
            asked, events, column.kind, seed=_SEEDS[split, new], observed_until=last
        )

    def asked(self, split: str) -> Tensor | None:
        """Return the events with a new node if the test asks only for them, else ``None``."""
        if split != "test" or not self.new_nodes or not self.within_batch:
            return None
        return self.periods.touches_new(self.split.test)

    def events(self, split: str) -> TemporalGraph:
        """Return the events of a split. In the published code a model whose state does not change
        inside a batch gets only the events with a new node in the test of new nodes."""
        found = super().events(split)
        if split == "test" and self.new_nodes and not self.within_batch:
            return found.filter_events(self.periods.touches_new(found))
        return found

    def past(self, split: str) -> list[TemporalGraph]:
        """Return the splits before this one. With ``within_batch`` the training period is complete,
        as in the neighbour lists of the published code; otherwise it is the training set."""
        before = super().past(split)
        if self.within_batch and before:
            before[0] = self.periods.early
        return before

    def continues(self, split: str) -> bool:
        """Whether the run can continue into a split without a replay, which is false for the
        validation with ``within_batch``: training contains fewer events than its history."""
        return not (self.within_batch and split == "val")

    def check_batch_size(self, split: str, batch_size: int) -> int:
        """Return a batch size that is valid for a split.

        Raises:
            GraphError: The batches of validation or test are not those of the protocol, and the
                figures depend on them.
        """
        batch_size = super().check_batch_size(split, batch_size)
        if split != "train" and not self.within_batch and batch_size != _BATCH:
            raise GraphError(
                "batch_size",
                "the state of a model does not change inside a batch, so that the figures of this "
                "protocol need its batches",
                expected=_BATCH,
                got=batch_size,
                fix=f"Pass batch_size={_BATCH} to fit and evaluate.",
            )
        return batch_size

    def identity(self) -> dict[str, Any]:
        """Return what determines the numbers, as plain values."""
        asked = int(self.periods.touches_new(self.split.test).sum())
        return {
            "new_nodes": self.new_nodes,
            "history": "all earlier events"
            if self.within_batch
            else "training events without drawn nodes, then all events",
            "split": "70%/15%/15% by time quantile, training without the events of drawn nodes",
            "events": {s: len(getattr(self.split, s)) for s in SPLITS},
            "test_queries": asked if self.new_nodes else len(self.split.test),
            "drawn_nodes": self.periods.drawn.numel(),
            "nodes_not_in_training": int(self.periods.is_new.sum()),
            "negatives": {"train": "random", "val": "random", "test": list(self.kinds)},
            "negatives_per_event": {"train": 1, "val": 1, "test": 1},
            "candidates": 0,
            "true_events_as_negatives": True,
            "redrawn": "training negatives every epoch; validation and test never",
            "edge_features": self.graph.tables.edge_attr is not None,
        }

    def summary(self) -> str:
        """Return the protocol in one line."""
        asked = "new nodes" if self.new_nodes else "transductive"
        return (
            f"DyGLib protocol, {asked}, {', '.join(self.kinds)} negatives, "
            f"AP and AUC as means over batches of {_BATCH} and over the whole split"
        )
