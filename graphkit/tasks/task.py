"""What the engine asks of a task: split, questions, loss, metrics. Nothing about the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from graphkit.tasks.answer import Answer

__all__ = ["Stream", "Task"]


class Stream(Protocol):
    """Batches of one split, each with ``len()``, ``first``, ``events``, ``shard(rank, world)``."""

    def __len__(self) -> int: ...

    @property
    def num_events(self) -> int: ...

    @property
    def num_queries(self) -> int: ...

    def start(self, batch: int = 0) -> Iterator[Any]: ...


class Task(Protocol):
    """A kind of prediction. A class that has these members is a task, whatever its base.

    Attributes:
        name: Registered name.
        view: The view of the graph that its models read, one of :data:`graphkit.registry.VIEWS`. A
            task may also have ``calls``, the methods of a model that its ``score`` calls.
        dataset: Name of the graph, for results.
        selection: The validation metric that chooses the epoch; larger is better, unless the task
            has ``selection_mode = "min"``.
    """

    name: str
    view: str
    dataset: str
    selection: str

    def stream(
        self,
        split: str,
        batch_size: int,
        *,
        epoch: int = 0,
        final: bool = False,
        device: torch.device | str = "cpu",
    ) -> Stream:
        """The batches of ``"train"``, ``"val"`` or ``"test"``. ``epoch`` matters for training
        only; ``final`` asks for everything that is reported, not only what selects the epoch."""
        ...

    def past(self, split: str) -> list[Any]:
        """The events that a model may know before the split begins: stretches, each a
        ``TemporalGraph``, that are batched one by one, as the run goes through them."""
        ...

    def continues(self, split: str) -> bool:
        """Whether a model that has just gone through the split before knows exactly
        :meth:`past`; if not, the engine resets the model and replays it."""
        ...

    def score(self, model: nn.Module, query: Any) -> Answer:
        """The model's :class:`~graphkit.tasks.answer.Answer`, one row per query: predictions, and
        the truth they are compared with."""
        ...

    def loss(self, answer: Answer, total: int) -> Tensor:
        """The contribution of these rows to the mean loss over ``total`` rows: the losses of the
        shards of a batch add up to the loss of the batch."""
        ...

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """Metrics of all rows of a split at once, from one answer or from those of its batches.

        With ``final`` everything that is reported; without, what selects the epoch."""
        ...

    def identity(self) -> dict[str, Any]:
        """What a checkpoint belongs to: the part of :meth:`protocol` that decides the numbers."""
        ...

    def protocol(self) -> dict[str, Any]:
        """How the numbers come about, as plain values; ``summary`` is one line for a table."""
        ...
