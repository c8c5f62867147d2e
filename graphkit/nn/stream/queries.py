"""Checks of the queries of stream models: shapes and node ids."""

from __future__ import annotations

from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["check_node_ids", "check_pairs"]


def check_pairs(src: Tensor, dst: Tensor, t: Tensor) -> None:
    """Check that sources, destinations and times have matching shapes.

    Args:
        src: Source nodes ``[B]``.
        dst: Destination nodes ``[B]``, or candidates ``[B, C]``.
        t: Times ``[B]``.

    Raises:
        GraphError: A shape does not match; the message names the expected one.
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
    """Check that a model has state for all nodes. CPU only, to avoid synchronisation with a GPU.

    Args:
        nodes: Node ids, int64 of any shape.
        num_nodes: Number of nodes of the model.

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
