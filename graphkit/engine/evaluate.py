"""Scoring a split with a model as it is."""

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
    """Metrics of a model on one split; parameters do not change.

    The stream state is emptied and everything before the split is observed, then the split is
    scored and observed batch by batch. The model is left in the state after the split.

    Args:
        model: A model of the view that the task asks about; moved to the device.
        task: A task such as :class:`graphkit.LinkPrediction`.
        split: ``"train"``, ``"val"`` or ``"test"``.
        batch_size: Events per batch; stream models see a batch as a whole, so use that of training.
        device: As for :func:`graphkit.fit`.
        precision: As for :func:`graphkit.fit`.
        threads: As for :func:`graphkit.fit`.
        keep_state: Go on from the model's stream state instead: it has just seen exactly what comes
            before the split.
        progress: Show a bar.

    Returns:
        Everything the task reports, such as ``ap``, ``auc``, ``mrr``; empty if the split is.

    Raises:
        GraphError: An unknown split, a score that is NaN, the model is not one for the task, or the
            processes of a run have different models, arguments or data.
        TypeError: There is no such argument; the message says the right one.
    """
    check_model(model)
    check_task(task)
    check_match(model, task)
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
    """Refuse shares of an answer from models or tasks that differ between processes."""
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
