"""How wide a model of a static graph is: read from the graph's own columns."""

from __future__ import annotations

from typing import Any

from graphkit.errors import GraphError
from graphkit.nn.inputs.class_ids import check_class_ids

__all__ = ["static_sizes"]


def static_sizes(graph: Any) -> dict[str, int]:
    """``in_channels`` and ``out_channels`` for a graph with ``x`` ``[N, C]`` and ``y`` ``[N]``.

    ``out_channels`` is the number of classes, the largest label + 1 (negative: no label).

    Raises:
        GraphError: There is no ``x`` or ``y``, they have another shape, or ``y`` are no classes
            (:func:`~graphkit.nn.inputs.class_ids.check_class_ids`).
    """
    for name, dim in (("x", 2), ("y", 1)):
        column = getattr(graph, name, None)
        if column is None or column.dim() != dim:
            raise GraphError(
                name,
                "the model cannot tell its size from this graph",
                expected="[N, C] features" if name == "x" else "[N] integer labels",
                got=None if column is None else list(column.shape),
                fix="Make the model with in_channels and out_channels instead.",
            )
    if check_class_ids(graph.y, "y").numel() == 0:
        raise GraphError("y", "no classes", expected="integers", got="none")
    return {
        "in_channels": graph.x.shape[1],
        "out_channels": max(1, int(graph.y.max()) + 1),
    }
