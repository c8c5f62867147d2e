"""Two id spaces, of sources and of destinations, as users and items have them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit.data.inputs import as_tensor, check_length, first_row
from graphkit.errors import GraphError

__all__ = ["as_node_space"]


def as_node_space(value: Any, num_nodes: int, src: Tensor, dst: Tensor) -> Tensor | None:
    """Which of two id spaces a node is in: bool ``[N]``, false for sources.

    Raises:
        GraphError: Not truth values, of another length, or an event does not go from a node of the
            first space to one of the second.
    """
    if value is None:
        return None
    space = as_tensor(value, "node_space", own=True)
    if space.dtype != torch.bool or space.dim() != 1:
        raise GraphError(
            "node_space",
            "not truth values",
            expected=f"bool [{num_nodes}], true for destinations",
            got=f"{str(space.dtype).removeprefix('torch.')} {list(space.shape)}",
        )
    check_length("node_space", space.numel(), num_nodes, "num_nodes")
    for column, ids, wrong in (("src", src, space[src]), ("dst", dst, ~space[dst])):
        if bool(wrong.any()):
            row = first_row(wrong)
            raise GraphError(
                column,
                "a node is in the other space",
                row=row,
                expected=f"a {'source' if column == 'src' else 'destination'}",
                got=int(ids[row]),
                fix="Sources and destinations of a bipartite graph have separate ids.",
            )
    return space
