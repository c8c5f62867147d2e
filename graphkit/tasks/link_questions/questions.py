"""What the protocols of link prediction have in common: their splits and their candidates."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from graphkit.checks import check_choice, check_count
from graphkit.data import TemporalGraph
from graphkit.data.splits import HeldOutNodes, Split
from graphkit.tasks.queries import QueryStream

__all__ = ["SPLITS", "Column", "LinkQuestions"]

SPLITS = ("train", "val", "test")


class Column(NamedTuple):
    """A group of consecutive candidates of an event.

    Attributes:
        kind: Kind of the negatives.
        purpose: ``"pair"`` for AP and AUC, ``"rank"`` for MRR and hits.
        num: Number of negatives per event.
    """

    kind: str
    purpose: str
    num: int


class LinkQuestions:
    """Base class of protocols: which events are scored against which candidates, and after which
    events.

    Subclasses implement :meth:`columns`, :meth:`make_sampler`, :meth:`identity` and
    :meth:`summary`.

    Args:
        graph: The stream.
        split: Training, validation and test events.
        seed: Seed of the negatives.
        within_batch: Whether a query can use the strictly earlier events of its own batch.

    Attributes:
        name: Name of the protocol.
        selection: Metric of the validation by which the epoch is selected.
        main: Kind of negatives whose metrics have no suffix.
        candidates: Number of candidates per event for MRR and hits, 0 for none.
        ranked_among: Description of these candidates.
        batch_mean: Number of events of the batches over which means are reported, 0 for none.
        padded: Whether lists of candidates may be padded with -1.
        held_out: Nodes without events in training and validation, or ``None``.
    """

    name: ClassVar[str]
    selection = "ap"
    main = "random"
    candidates = 0
    ranked_among = ""
    batch_mean = 0
    padded = False
    held_out: HeldOutNodes | None = None

    def __init__(
        self, graph: TemporalGraph, split: Split, *, seed: int, within_batch: bool
    ) -> None:
        self.graph, self.split = graph, split
        self.seed, self.within_batch = int(seed), bool(within_batch)
        self._samplers: dict[tuple[str, str, str], Any] = {}

    # ---------------------------------------------------------------- of a protocol
    def columns(self, split: str, final: bool) -> list[Column]:
        """Return the candidates of each event, in the order of the columns.

        Args:
            split: ``"train"``, ``"val"`` or ``"test"``.
            final: Whether for the final metrics instead of training and selection.
        """
        raise NotImplementedError

    def make_sampler(self, column: Column, split: str) -> Any:
        """Create the negatives of a column."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """Return what determines the numbers, as plain values."""
        raise NotImplementedError

    def summary(self) -> str:
        """Return the protocol in one line."""
        raise NotImplementedError

    def asked(self, split: str) -> Tensor | None:
        """Return which events of a split are scored, bool ``[E]``; ``None`` if all are."""
        return None

    def events(self, split: str) -> TemporalGraph:
        """Return the events of a split that are passed to the model."""
        return getattr(self.split, split)

    def past(self, split: str) -> list[TemporalGraph]:
        """Return the events before a split, in consecutive parts."""
        check_choice(split, "split", SPLITS)
        return list(self.split[: SPLITS.index(split)])

    def continues(self, split: str) -> bool:
        """Whether a run can continue into a split with the state that it has."""
        return True

    def check_batch_size(self, split: str, batch_size: int) -> int:
        """Return a batch size that is valid for a split.

        Raises:
            GraphError: The batch size is not valid.
        """
        return check_count(batch_size, "batch_size", "not a batch size")

    # ---------------------------------------------------------------- for all
    def sampler(self, column: Column, split: str) -> Any:
        """Return the negatives of a column; each is created once."""
        key = (column.kind, column.purpose, split)
        if key not in self._samplers:
            self._samplers[key] = self.make_sampler(column, split)
        return self._samplers[key]

    def stream(
        self, split: str, batch_size: int, epoch: int, final: bool, device: torch.device | str
    ) -> QueryStream:
        """Return the batches of a split with candidates."""
        check_choice(split, "split", SPLITS)
        batch_size = self.check_batch_size(split, batch_size)
        drawn = []
        for column in self.columns(split, final):
            sampler = self.sampler(column, split)
            sampler.reset(epoch=epoch if split == "train" else 0)
            drawn.append((sampler, column.num))
        return QueryStream(self.events(split), drawn, batch_size, self.asked(split), device)

    def pools(self) -> dict[str, Any]:
        """Return the pools of all negatives, as plain values."""
        return {
            f"{split}, {column.kind}" + (", ranking" if column.purpose == "rank" else ""): (
                self.sampler(column, split).pool
            )
            for split in SPLITS
            for column in self.columns(split, final=split == "test")
        }
