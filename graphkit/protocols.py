"""What the rooms of graphkit promise each other, written down as protocols.

A class that has the members of a protocol fulfils it, whatever its base: a model, a task or an
encoder of your own needs no class of graphkit's. :mod:`graphkit.testing` has a check for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from graphkit.engine.hooks import Training
    from graphkit.engine.result import Result
    from graphkit.tasks.answer import Answer

__all__ = [
    "Hook",
    "Logger",
    "SignalModel",
    "SnapshotModel",
    "StaticModel",
    "Stream",
    "StreamModel",
    "Task",
]


@runtime_checkable
class StreamModel(Protocol):
    """A model of interaction streams: it scores pairs, then observes what happened.

    Everything that :meth:`observe` changes lies in registered buffers, the number of events, the
    last time and the number of nodes among them: a state dict is the whole state.
    """

    num_nodes: int

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        """Logits that ``src`` interacts with ``dst`` at ``t``; writes nothing.

        Args:
            src: int64 ``[B]``.
            dst: int64 ``[B]``, or ``[B, C]`` candidates of each source.
            t: ``[B]``.

        Returns:
            Logits of the shape of ``dst``. A model with ``reads_earlier`` also takes ``earlier``,
            events that it has not observed yet.
        """
        ...

    def observe(self, events: Any) -> None:
        """Write a batch of events (``src``, ``dst``, ``t`` and their features) into the state. The
        only writer; each event comes once, in order of time, after it has been scored."""
        ...

    def reset_state(self) -> None:
        """Go back to the beginning of the stream."""
        ...

    def grow(self, num_nodes: int, x: Tensor | None = None) -> None:
        """Make room for new nodes; numbers of old nodes stay the same.

        Args:
            num_nodes: Number of nodes from now on.
            x: Features of the new nodes, where the model reads such.
        """
        ...


@runtime_checkable
class SnapshotModel(Protocol):
    """A model of snapshot sequences with its head, as tasks on snapshots call it.

    A model whose state is carried along the timeline also has ``observe(snapshot)`` and
    ``reset_state()``. For a :class:`graphkit.Predictor` it may have ``embed(snapshots, nodes)``,
    vectors ``[M, C]`` of nodes, and ``grow(num_nodes, x, steps)``, which takes in new nodes of
    features ``x`` that had no edge in the ``steps`` that a carried state has gone through.
    """

    def logits(self, snapshots: Sequence[Any], src: Tensor, dst: Tensor | None = None) -> Tensor:
        """Logits of classes of nodes, or of pairs of nodes, ``[M, num_classes]``."""
        ...

    def link_logits(self, snapshots: Sequence[Any], src: Tensor, dst: Tensor) -> Tensor:
        """Logits ``[M]`` of an edge between pairs of nodes in the next step."""
        ...

    def rank(self, query: Any, rivals: Tensor | None = None) -> Any:
        """Ranks of the true pairs of a step among all pairs, or among ``rivals``."""
        ...


@runtime_checkable
class SignalModel(Protocol):
    """A model of windows of a signal.

    ``kind`` is ``"forecast"`` or ``"classify"``. A model whose loss has terms of its own returns
    their mean over the rows of its last forward pass from ``auxiliary_loss()``; one that can go on
    from reading to reading has ``step``.
    """

    kind: str

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Forecasts ``[B, T, N, C']`` or logits ``[B, num_classes]``.

        Args:
            x: Prepared readings ``[B, T', N, C]``, 0 where one is missing.
            covariates: ``[B, T' + delay + T, K]``.
            mask: bool ``[B, T', N, C]``, true where a reading is there.
        """
        ...


@runtime_checkable
class StaticModel(Protocol):
    """A model of a graph that stands still, called as PyG's models are."""

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Logits ``[N, num_classes]`` of all nodes; ``edge_index`` may be a sparse ``adj_t``."""
        ...


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

    With ``graph``, ``columns_read(model)`` and ``columns_declined()``, as
    :class:`~graphkit.tasks.graph_task.GraphTask` has them, the engine names columns of the graph
    that nothing reads. A model lists columns that it does not read in ``columns_ignored``.
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


class Hook(Protocol):
    """Code that runs at fixed points of a training; see :func:`graphkit.fit`.

    Inherit from it and override what is needed, or write a class with some of these methods. A
    hook may read metrics and losses, add a term to the loss, change parameters in place after a
    step (masks of pruning) and stop the training. It must not call the model's ``observe``, run
    the optimiser or replace parameters: score, loss, backward, observe and step belong to the
    engine. Except for :meth:`on_loss`, methods run under :func:`torch.no_grad`.

    In data-parallel runs every process calls its hooks. A hook that changes parameters or the loss
    does the same in each; a hook that writes files or talks to a service does so only where
    ``training.leads`` is true.

    Attributes:
        only_reads: Whether the numbers of a run do not depend on the hook. Others are part of the
            settings of a result and of the identity of a checkpoint, with their plain public
            attributes.
    """

    only_reads: bool = False

    def on_fit_start(self, training: Training) -> None:
        """Before the first epoch, or after a checkpoint was loaded to resume from."""

    def on_epoch_start(self, training: Training) -> None:
        """Before the first batch of an epoch; not called again when an epoch is resumed."""

    def on_loss(self, training: Training, query: Any, answer: Answer) -> Tensor | None:
        """A term that is added to the loss before the backward pass, or ``None``.

        The term is trained on and not reported. In data-parallel runs a process has a shard of the
        batch, and the terms are averaged with the numbers of rows as weights.

        Args:
            training: The training.
            query: The batch (or shard) that the task has scored.
            answer: The task's answer to it, with gradients.

        Returns:
            A tensor without axes that depends on the parameters: a mean over the rows of ``query``,
            or a function of the parameters alone.
        """

    def on_step(self, training: Training, loss: Tensor) -> None:
        """After an optimiser step.

        Args:
            training: The training; ``training.step`` counts this step.
            loss: Mean loss of the whole batch, without axes, on the device. Reading its value waits
                for the device.
        """

    def on_evaluation(self, training: Training, split: str, metrics: dict[str, float]) -> None:
        """After ``"val"`` (every epoch) or ``"test"`` (once) has been scored, with its metrics."""

    def on_epoch_end(self, training: Training, metrics: dict[str, float]) -> None:
        """After validation and the choice of the best epoch, before the checkpoint.

        Args:
            training: The training; ``training.epoch`` is the epoch that ends.
            metrics: ``train_loss`` and ``val_<metric>``, where there are such.
        """

    def on_fit_end(self, training: Training, result: Result | None) -> None:
        """After the test, with the result; after an error or an interruption with ``None``."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: numbers, text, tensors, and lists and dicts of them.

        In data-parallel runs that of process 0 is kept, and given to all."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave, before :meth:`on_fit_start`."""


class Logger(Protocol):
    """A place for the numbers of a training, used by :class:`graphkit.engine.LogMetrics`.

    Only process 0 of a data-parallel run calls a logger.
    """

    def start(self, run: Mapping[str, Any], state: dict[str, Any] | None, overwrite: bool) -> None:
        """Begin a log, or go on with one.

        Args:
            run: Plain facts: ``name``, ``task``, ``dataset``, ``seed`` and ``settings``.
            state: ``None`` for a new log; otherwise what :meth:`state_dict` gave when the
                checkpoint was written. Rows that were logged later come again and must not be
                stored twice.
            overwrite: For a new log: whether one that is there may be replaced. It is true for a
                run with ``resume`` that was interrupted before its first checkpoint.
        """
        ...

    def log(self, values: Mapping[str, float], *, step: int, epoch: int) -> None:
        """Store values by name; a name comes at most once for a step.

        Args:
            values: Plain numbers; they may be NaN or infinite.
            step: Optimiser steps so far.
            epoch: The epoch, counted from 0.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Make everything so far durable, and say where the log stands, as plain values."""
        ...

    def finish(self, failed: bool) -> None:
        """Close the log; ``failed`` if the training ended with an error or an interruption."""
        ...
