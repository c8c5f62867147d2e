"""One pass over a stream: training, scoring, or observation only."""

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
    """A model and its optimizer, with the parts of one optimizer step.

    If a model has ``auxiliary_loss()``, its value after a forward pass (the mean over the rows of
    the pass) is added to the loss; it affects training but is not reported.

    Args:
        model: The model; switched to training mode.
        optimizer: Optimizer of the parameters of the model.
        runtime: Runtime over whose processes the gradients are summed.
        clip_norm: Maximum norm of the gradient; ``None`` for no clipping.
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
        """Compute the gradient of a loss; stacked models use the sum of their losses.

        Args:
            loss: A scalar, or one value per model.
            share: Fraction of the rows of the whole batch that are in this forward pass.
            term: Loss term added by hooks, a scalar or one value per model, weighted by ``share``.
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
        """Observe the events of a batch and update the parameters.

        Args:
            events: Events that the model observes. This happens before the update, so that the
                state is written with the parameters that scored the batch.
            learn: Whether the batch contains queries.
            also: A number to be summed over the processes.

        Returns:
            The sum of ``also``; with one process, ``also`` itself.
        """
        if not learn:
            self._observe(events)
            return also
        parameters = self._parameters
        for p in parameters:
            if p.grad is None:  # unused in this batch: treated as zero in every process
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
    """Score, learn, observe: each batch is scored before the model observes it.

    ``loss_sum`` accumulates, on the device, the sum of the loss over the queries of all processes.
    It is equal in all processes, so that its value in a checkpoint is valid for each of them.
    ``hooks`` can add to the loss and are called after each step. ``before_batch`` and
    ``after_batch`` are called with the number of finished batches.
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
    """Score every query without learning; each batch is observed after it is scored.

    Returns:
        The answers to all queries, equal in every process, or ``None`` if there are none.
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
    """Reset the state, then observe the history of a task without scoring it."""
    model.eval()
    reset_state(model)
    observe = _observer(model)
    for stretch in history:
        for batch in stretch.batches(size=batch_size):
            observe(batch.to(device))


def reset_state(model: nn.Module) -> None:
    """Reset the stream state of a model; no effect on a model without one."""
    reset = getattr(model, "reset_state", None)
    if reset is not None:
        reset()


def _observer(model: nn.Module) -> Callable[[Any], None]:
    observe = getattr(model, "observe", None)
    if observe is None:
        return lambda events: None
    return torch.no_grad()(observe)
