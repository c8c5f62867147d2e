"""What a stream model refuses in a query: shapes that differ, and nodes without a state."""

from __future__ import annotations

from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["check_node_ids", "check_pairs"]


def check_pairs(src: Tensor, dst: Tensor, t: Tensor) -> None:
    """Refuse ends and times that do not belong together.

    Args:
        src: ``[B]``.
        dst: ``[B]``, or ``[B, C]`` candidates.
        t: ``[B]``.

    Raises:
        GraphError: Another shape; names the one that is expected.
    """
    if src.dim() != 1:
        raise GraphError("src", "not one node per event", expected="[B]", got=list(src.shape))
    b = src.shape[0]
    if dst.dim() not in (1, 2) or dst.shape[0] != b:
        raise GraphError(
            "dst",
            "not one destination, or one row of candidates, for each source",
            expected=f"[{b}] or [{b}, C], as src is [{b}]",
            got=list(dst.shape),
        )
    if t.shape != src.shape:
        raise GraphError("t", "not one time per event", expected=f"[{b}]", got=list(t.shape))


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
