"""The classes of recordings: numbers, or text that is numbered; and what a model says of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.data.recording_splits import recording_values
from graphkit.errors import GraphError
from graphkit.nn.inputs.class_ids import check_class_ids

__all__ = ["check_width", "recording_classes"]


def recording_classes(graph: TemporalGraph, label: str) -> tuple[Tensor, tuple[Any, ...] | None]:
    """The class of every recording, and how the classes are called.

    Args:
        graph: With recordings.
        label: A column of them. Text is numbered in alphabetical order.

    Returns:
        int64 ``[R]``, and one name per class: the texts, or ``graph.class_names`` of the column;
        ``None`` where classes have numbers only.

    Raises:
        UnknownNameError: There is no such column.
        GraphError: Values are neither text nor integers from 0.
    """
    column, values = f"recordings.{label}", recording_values(graph, label)
    if values and isinstance(values[0], str):
        names = sorted(set(values))
        number = {name: i for i, name in enumerate(names)}
        return torch.tensor([number[value] for value in values]), tuple(names)
    labels = torch.as_tensor(values) if values else None
    return check_class_ids(labels, column, unknown=False), graph.class_names.get(column)


def check_width(logits: Tensor, num_classes: int) -> Tensor:
    """Logits ``[..., C]`` that have a column for each class.

    Raises:
        GraphError: There are fewer columns than classes.
    """
    if logits.shape[-1] < num_classes:
        raise GraphError(
            "model",
            "it has fewer outputs than there are classes",
            expected=f"logits [..., {num_classes}]",
            got=list(logits.shape),
            fix="Make it with from_task(task), or with out_channels= the number of classes.",
        )
    return logits
