"""Protocols of models, tasks, hooks and loggers.

A class that has the members of a protocol implements it, whatever its base class: your own model,
task or encoder does not inherit from a class of graphkit. :mod:`graphkit.testing` has a check for
each.
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
    """A model of interaction streams: it scores pairs, then observes events.

    Everything that :meth:`observe` changes is stored in registered buffers, including the number of
    events, the last time and the number of nodes, so that a state dict contains the whole state.
    """

    num_nodes: int

    def score(self, src: Tensor, dst: Tensor, t: Tensor) -> Tensor:
        """Logits that ``src`` interacts with ``dst`` at ``t``; the state is not changed.

        Args:
            src: Source nodes, int64 ``[B]``.
            dst: Destination nodes, int64 ``[B]``, or ``[B, C]`` candidates of each source.
            t: Times, ``[B]``.

        Returns:
            Logits of the shape of ``dst``. A model with ``reads_earlier`` also takes ``earlier``,
            events that it has not observed yet.
        """
        ...

    def observe(self, events: Any) -> None:
        """Write a batch of events (``src``, ``dst``, ``t`` and their features) into the state.

        No other method changes the state. Each event is passed once, in order of time, after it has
        been scored.
        """
        ...

    def reset_state(self) -> None:
        """Reset the state to the beginning of the stream."""
        ...

    def grow(self, num_nodes: int, x: Tensor | None = None) -> None:
        """Add new nodes; ids of existing nodes do not change.

        Args:
            num_nodes: Number of nodes from now on.
            x: Features of the new nodes, if the model uses node features.
        """
        ...


@runtime_checkable
class SnapshotModel(Protocol):
    """A model of snapshot sequences with its head, as tasks on snapshots call it.

    A model whose state is carried along the timeline also has ``observe(snapshot)`` and
    ``reset_state()``. For a :class:`graphkit.Predictor` it may have ``embed(snapshots, nodes)``,
    vectors ``[M, C]`` of nodes, and ``grow(num_nodes, x, steps)``, which adds new nodes with
    features ``x`` that had no edge in the ``steps`` snapshots already processed by a carried state.
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
    their mean over the rows of its last forward pass from ``auxiliary_loss()``; a model that can
    process one reading at a time has ``step``.
    """

    kind: str

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Forecasts ``[B, T, N, C']`` or logits ``[B, num_classes]``.

        Args:
            x: Prepared readings ``[B, T', N, C]``, 0 where a reading is missing.
            covariates: Covariates of all rows, ``[B, T' + delay + T, K]``.
            mask: bool ``[B, T', N, C]``, true where a reading is present.
        """
        ...


@runtime_checkable
class StaticModel(Protocol):
    """A model of a static graph, with the call signature of PyG's models."""

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
        view: View of the graph that its models take as input, one of
            :data:`graphkit.registry.VIEWS`. A task may also have ``calls``, the methods of a model
            that its ``score`` calls.
        dataset: Name of the graph, for results.
        selection: Validation metric that selects the epoch; larger is better, unless the task
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
        only; with ``final`` the batches cover all reported metrics, not only the one that selects
        the epoch."""
        ...

    def past(self, split: str) -> list[Any]:
        """The events that a model may have observed before the split begins: a list of consecutive
        ``TemporalGraph`` stretches, which are batched one by one in this order."""
        ...

    def continues(self, split: str) -> bool:
        """Whether a model that has just processed the preceding split has observed exactly
        :meth:`past`; if not, the engine resets the model and replays :meth:`past`."""
        ...

    def score(self, model: nn.Module, query: Any) -> Answer:
        """The model's :class:`~graphkit.tasks.answer.Answer`, one row per query: predictions, and
        the targets that they are compared with."""
        ...

    def loss(self, answer: Answer, total: int) -> Tensor:
        """The contribution of these rows to the mean loss over ``total`` rows: the losses of the
        shards of a batch add up to the loss of the batch."""
        ...

    def metrics(
        self, answers: Answer | Sequence[Answer], split: str = "test", *, final: bool = True
    ) -> dict[str, float]:
        """Metrics of all rows of a split at once, from one answer or from those of its batches.

        With ``final`` all reported metrics are computed, otherwise those that select the epoch."""
        ...

    def identity(self) -> dict[str, Any]:
        """Identity of a checkpoint: the part of :meth:`protocol` that determines the results."""
        ...

    def protocol(self) -> dict[str, Any]:
        """How the results are computed, as plain values; ``summary`` is one line for a table."""
        ...


class Hook(Protocol):
    """Code that runs at fixed points of training; see :func:`graphkit.fit`.

    Inherit from it and override what is needed, or write a class with some of these methods. A
    hook may read metrics and losses, add a term to the loss, change parameters in place after a
    step (masks of pruning) and stop the training. It must not call the model's ``observe``, run
    the optimiser or replace parameters: score, loss, backward, observe and step are called by the
    engine. Except for :meth:`on_loss`, methods run under :func:`torch.no_grad`.

    In data-parallel runs every process calls its hooks. A hook that changes parameters or the loss
    must do the same in every process; a hook that writes files or uses a service must do so only
    where ``training.leads`` is true.

    Attributes:
        only_reads: Whether the results of a run do not depend on the hook. Other hooks, with their
            plain public attributes, are part of the settings of a result and of the identity of a
            checkpoint.
    """

    only_reads: bool = False

    def on_fit_start(self, training: Training) -> None:
        """Before the first epoch, or after a checkpoint was loaded to resume from."""

    def on_epoch_start(self, training: Training) -> None:
        """Before the first batch of an epoch; not called again when an epoch is resumed."""

    def on_loss(self, training: Training, query: Any, answer: Answer) -> Tensor | None:
        """A term that is added to the loss before the backward pass, or ``None``.

        The term is added for training only and is not reported. In data-parallel runs a process has
        a shard of the batch, and the terms are averaged with the numbers of rows as weights.

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
        """State to store in a checkpoint: numbers, text, tensors, and lists and dicts of them.

        In data-parallel runs the state of process 0 is stored, and loaded in all processes."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load the state returned by :meth:`state_dict`, before :meth:`on_fit_start`."""


class Logger(Protocol):
    """A destination for metrics and losses of training, used by
    :class:`graphkit.engine.LogMetrics`.

    Only process 0 of a data-parallel run calls a logger.
    """

    def start(self, run: Mapping[str, Any], state: dict[str, Any] | None, overwrite: bool) -> None:
        """Start a log, or continue an existing one.

        Args:
            run: Plain facts: ``name``, ``task``, ``dataset``, ``seed`` and ``settings``.
            state: ``None`` for a new log; otherwise the value returned by :meth:`state_dict` when
                the checkpoint was written. Rows that were logged later are logged again and must
                not be stored twice.
            overwrite: For a new log: whether an existing log may be replaced. It is true for a
                run with ``resume`` that was interrupted before its first checkpoint.
        """
        ...

    def log(self, values: Mapping[str, float], *, step: int, epoch: int) -> None:
        """Store values by name; a name is passed at most once per step.

        Args:
            values: Plain numbers; they may be NaN or infinite.
            step: Number of optimiser steps so far.
            epoch: Epoch, counted from 0.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Flush all logged rows to disk and return the position in the log, as plain values."""
        ...

    def finish(self, failed: bool) -> None:
        """Close the log; ``failed`` if the training ended with an error or an interruption."""
        ...
