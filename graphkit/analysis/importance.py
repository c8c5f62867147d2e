"""Which nodes a trained classifier of windows looks at: what it loses without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.inputs.number_types import model_inputs
from graphkit.tasks.answer import Answer

__all__ = ["node_importance"]


@torch.no_grad()
def node_importance(
    model: nn.Module,
    task: Any,
    groups: Sequence[Sequence[int]] | None = None,
    *,
    split: str = "test",
    metric: str | None = None,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
) -> Tensor:
    """How much a metric falls when a group of nodes falls silent (all readings 0, once scaled).

    It says what this model uses, not what the data hold: two groups that tell the same can both
    look unimportant.

    Args:
        model: A trained model.
        task: A :class:`~graphkit.tasks.WindowClassification`.
        groups: Nodes that fall silent together, such as ``hierarchy.partition``; each node by
            itself if ``None``.
        split: The windows that are asked about.
        metric: A metric of the task of which larger is better; what selects the epoch if ``None``.
        batch_size: Windows at a time.
        device: Where the model is.

    Returns:
        float64 ``[G]``: metric with all nodes minus metric without the group.

    Raises:
        GraphError: The task has no such metric, or a group is empty.
    """
    metric = metric or task.selection
    groups = [[i] for i in range(task.num_nodes)] if groups is None else [list(g) for g in groups]
    if any(not group for group in groups):
        raise GraphError("groups", "a group is empty")
    model.eval()
    found: list[list[Answer]] = [[] for _ in range(len(groups) + 1)]
    for query in task.stream(split, batch_size, device=device).start():
        for row, group in enumerate([[], *groups]):
            x = query.x
            if group:
                x = x.clone()
                x[:, :, group] = 0
            logits = model(*model_inputs(model, x, None, query.x_mask))
            found[row].append(task.answer(logits, query))
    values = []
    for answers in found:
        metrics = task.metrics(answers, split, final=True)
        if metric not in metrics:
            raise GraphError("metric", "the task has no such metric", expected=list(metrics))
        values.append(metrics[metric])
    return values[0] - torch.tensor(values[1:], dtype=torch.float64)
