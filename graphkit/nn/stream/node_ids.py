"""The nodes that a stream model knows."""

from __future__ import annotations

from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["check_node_ids"]


def check_node_ids(nodes: Tensor, num_nodes: int) -> None:
    """Refuse ids that a model has no state for; on the CPU only, as a GPU would have to be waited
    for.

    Args:
        nodes: int64, of any shape.
        num_nodes: Nodes of the model.

    Raises:
        GraphError: An id is negative or too large.
    """
    if nodes.device.type != "cpu" or nodes.numel() == 0:
        return
    low, high = (int(end) for end in nodes.aminmax())
    if low < 0 or high >= num_nodes:
        raise GraphError(
            "nodes",
            "a node id is out of range",
            expected=f"0 <= id < {num_nodes}",
            got=low if low < 0 else high,
            fix="Make room for new nodes first: model.grow(num_nodes).",
        )
