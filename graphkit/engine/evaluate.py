"""Evaluation of a model on one split."""

from __future__ import annotations

import torch
from torch import nn

from graphkit.engine.checkpoint import plain_attributes
from graphkit.engine.compatible import check_match, check_model, check_task
from graphkit.engine.data_fingerprint import data_fingerprint
from graphkit.engine.keywords import says_keywords
from graphkit.engine.passes import replay, score_pass
from graphkit.engine.progress import Progress
from graphkit.engine.runtime import Runtime, threads_set
from graphkit.engine.unused_columns import warn_of_unused
from graphkit.errors import GraphError
from graphkit.nn.caching.unchanged import tensors_unchanged
from graphkit.protocols import Task

__all__ = ["evaluate"]


@says_keywords
def evaluate(
    model: nn.Module,
    task: Task,
    split: str = "test",
    *,
    batch_size: int = 100,
    device: str | torch.device = "auto",
    precision: str = "32-true",
    threads: int | None = None,
    keep_state: bool = False,
    progress: bool = False,
) -> dict[str, float]:
    """Compute the metrics of a model on one split without changing its parameters.

    The stream state is reset, all events before the split are observed, and then the split is
    scored and observed batch by batch. The model keeps the state it has after the split.

    Args:
        model: A model that reads the view of the task; moved to the device.
        task: A task such as :class:`graphkit.LinkPrediction`.
        split: ``"train"``, ``"val"`` or ``"test"``.
        batch_size: Number of events per batch. Results of stream models depend on it, so use the
            value of the training run.
        device: As for :func:`graphkit.fit`.
        precision: As for :func:`graphkit.fit`.
        threads: As for :func:`graphkit.fit`.
        keep_state: Continue from the current stream state of the model instead of resetting it.
            The model must have observed exactly the events before the split.
        progress: Whether to show a progress bar.

    Returns:
        All metrics that the task reports, such as ``ap``, ``auc``, ``mrr``; empty if the split is
        empty.

    Raises:
        GraphError: The split is unknown, a score is NaN, the model does not fit the task, or the
            processes of a run have different models, arguments or data.
        TypeError: There is no such argument; the message names the right one.
    """
    check_model(model)
    check_task(task)
    check_match(model, task)
    warn_of_unused(model, task)
    with threads_set(threads), tensors_unchanged():
        runtime = Runtime.start(device, precision)
        runtime.place(model)
        _check_processes(runtime, model, task, split, batch_size)
        stream = task.stream(split, batch_size, final=True, device=runtime.device)
        if stream.num_queries == 0:
            return {}
        if not keep_state:
            replay(model, task.past(split), batch_size, runtime.device)
        bar = Progress(type(model).__name__, progress and runtime.leads)
        bar.begin(split, len(stream))
        answer = score_pass(model, task, stream, runtime, after_batch=bar.batch)
        bar.end()
        return task.metrics(answer, split, final=True)


def _check_processes(
    runtime: Runtime, model: nn.Module, task: Task, split: str, batch_size: int
) -> None:
    """Raise if the models or the tasks differ between processes."""
    if runtime.world == 1:
        return
    facts = {"split": split, "batch_size": batch_size, "data": data_fingerprint(task)}
    facts |= {"task": task.identity(), "model": plain_attributes(model)}
    runtime.check_same(facts)
    differing = runtime.differing(model.state_dict())
    if differing:
        raise GraphError(
            "model",
            f"it differs between the processes of this run: {', '.join(differing[:3])}",
            fix="Load the same weights in every process.",
        )
