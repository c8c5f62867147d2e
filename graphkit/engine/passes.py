"""One way through a stream: to train, to score, or only to let the model see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.engine.collect import Collector
from graphkit.engine.hooks import Hooks
from graphkit.engine.runtime import Runtime, share_gradients
from graphkit.protocols import Stream, Task
from graphkit.tasks.answer import Answer

__all__ = ["Learner", "replay", "reset_state", "score_pass", "train_pass"]


class Learner:
    """A model, its optimiser, and what one optimiser step consists of.

    A model with ``auxiliary_loss()`` adds to the loss what that returns after a forward pass, the
    mean over the rows of the pass; it is trained on and not reported.

    Args:
        model: Switched to training.
        optimizer: Of its parameters.
        runtime: Gradients are added up over its processes.
        clip_norm: Largest norm of the gradient, ``None`` for no limit.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        runtime: Runtime,
        clip_norm: float | None = None,
    ) -> None:
        model.train()
        self._optimizer, self._runtime, self._clip_norm = optimizer, runtime, clip_norm
        self._observe = _observer(model)
        self._auxiliary = getattr(model, "auxiliary_loss", None)
        self._parameters = [p for p in model.parameters() if p.requires_grad]

    def backward(self, loss: Tensor, share: float = 1.0, term: Tensor | None = None) -> None:
        """The gradient of a loss; of models that are trained together, of the sum of theirs.

        Args:
            loss: A number, or one for each model.
            share: Rows of the forward pass among those of the whole batch.
            term: What hooks add, a number or one for each model, weighted by ``share``.
        """
        whole = loss
        if self._auxiliary is not None:
            whole = loss + self._auxiliary() * share
        if term is not None:
            whole = whole + term * share
        if whole.dim():
            whole = whole.sum()
        whole.backward()

    def step(self, events: Any, learn: bool = True, also: Tensor | None = None) -> Tensor | None:
        """Observe the events of a batch and step.

        Args:
            events: What the model observes, before the step: what it writes belongs to the
                parameters that scored the batch.
            learn: Whether anything was asked of the batch.
            also: A number to be added up over the processes.

        Returns:
            The sum of ``also``; of one process ``also`` itself.
        """
        if not learn:
            self._observe(events)
            return also
        parameters = self._parameters
        for p in parameters:
            if p.grad is None:  # unused in this batch: the same as zero, in every process
                p.grad = torch.zeros_like(p)
        if self._runtime.world > 1:
            also = share_gradients(parameters, also)
        if self._clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self._clip_norm)
        self._observe(events)
        self._optimizer.step()
        for p in parameters:
            p.grad = None  # what zero_grad() does, without its bookkeeping
        return also


def train_pass(
    model: nn.Module,
    task: Task,
    stream: Stream,
    optimizer: torch.optim.Optimizer,
    runtime: Runtime,
    loss_sum: Tensor,
    *,
    first: int = 0,
    clip_norm: float | None = None,
    hooks: Hooks | None = None,
    before_batch: Callable[[int], None] | None = None,
    after_batch: Callable[[int], None] = lambda batch: None,
) -> None:
    """Score, learn, observe: a batch is scored before the model sees it, and never after.

    ``loss_sum`` collects, on the device, the sum of the loss over the queries of all processes: it
    is the same in each, and what a checkpoint keeps of it holds for each. ``hooks`` add to the loss
    and follow each step. ``before_batch`` and ``after_batch`` are called with the number of batches
    that are done.
    """
    learner = Learner(model, optimizer, runtime, clip_norm)
    term = hooks.term if hooks and hooks.have("on_loss") else None
    after_step = hooks.after_step if hooks else None
    alone = runtime.world == 1
    mixed = runtime.precision == "bf16-mixed"
    for batch, query in enumerate(stream.start(first), start=first + 1):
        total = len(query)
        if before_batch is not None:
            before_batch(batch - 1)
        own = None
        if total:
            shard = query if alone else query.shard(runtime.rank, runtime.world)
            if len(shard):
                if mixed:
                    with runtime.autocast():
                        answer = task.score(model, shard)
                else:
                    answer = task.score(model, shard)
                loss = task.loss(answer, total)
                added = None if term is None else term(shard, answer)
                learner.backward(loss, len(shard) / total, added)
                own = loss.detach()
            elif not alone:
                own = torch.zeros((), device=runtime.device)
        own = learner.step(query.events, learn=total > 0, also=own)
        if own is not None:
            loss_sum.add_(own, alpha=total)
            if after_step is not None:
                after_step(own)
        after_batch(batch)


@torch.no_grad()
def score_pass(
    model: nn.Module,
    task: Task,
    stream: Stream,
    runtime: Runtime,
    *,
    after_batch: Callable[[int], None] = lambda batch: None,
) -> Answer | None:
    """Score every query without learning, observing each batch once it is scored.

    Returns:
        The answers to all queries, the same in every process, or ``None`` without any.
    """
    model.eval()
    observe = _observer(model)
    found = Collector(stream.num_queries)
    for batch, query in enumerate(stream.start(), start=1):
        shard = query if runtime.world == 1 else query.shard(runtime.rank, runtime.world)
        if len(shard):
            with runtime.autocast():
                answer = task.score(model, shard)
            found.add(shard.first, answer)
        observe(query.events)
        after_batch(batch)
    return found.answer(runtime)


@torch.no_grad()
def replay(model: nn.Module, history: list[Any], batch_size: int, device: torch.device) -> None:
    """Forget everything, then observe a task's history without scoring it."""
    model.eval()
    reset_state(model)
    observe = _observer(model)
    for stretch in history:
        for batch in stretch.batches(size=batch_size):
            observe(batch.to(device))


def reset_state(model: nn.Module) -> None:
    """Empty the model's stream state; a model without one is left alone."""
    reset = getattr(model, "reset_state", None)
    if reset is not None:
        reset()


def _observer(model: nn.Module) -> Callable[[Any], None]:
    observe = getattr(model, "observe", None)
    if observe is None:
        return lambda events: None
    return torch.no_grad()(observe)
