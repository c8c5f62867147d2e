"""Attention masks: neighbours within a number of hops, and earlier steps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.ops.edges import check_edges

__all__ = ["hop_mask", "token_mask"]


def hop_mask(edge_index: Tensor, num_nodes: int, num_hops: int) -> Tensor:
    """Pairs of nodes within ``num_hops`` hops, following edges in either direction.

    Args:
        edge_index: Edges ``[2, E]``.
        num_nodes: Number of nodes, N.
        num_hops: Maximum number of hops, 0 or more; every node reaches itself.

    Returns:
        bool ``[N, N]``.

    Raises:
        GraphError: ``num_hops`` is negative, or an id is out of range.
    """
    from scipy import sparse

    if num_hops < 0:
        raise GraphError("num_hops", "not a number of hops", expected=">= 0", got=num_hops)
    check_edges(edge_index, None, num_nodes)
    row, col = edge_index.cpu().numpy()
    one = sparse.coo_array((np.ones(row.size), (row, col)), (num_nodes, num_nodes)).tocsr()
    one = one + one.T + sparse.eye_array(num_nodes, format="csr")
    reach = sparse.eye_array(num_nodes, format="csr")
    for _ in range(num_hops):
        reach = reach @ one
        reach.data[:] = 1
    return torch.from_numpy(reach.toarray() > 0).to(edge_index.device)


def token_mask(num_nodes: int, num_steps: int = 1, nodes: Tensor | None = None) -> Tensor | None:
    """Attention mask of N x P tokens, ordered by node, that excludes later steps and other nodes.

    Args:
        num_nodes: Number of nodes, N.
        num_steps: Number of tokens per node, P, in order of time.
        nodes: Whether the node of the row attends to the node of the column, bool ``[N, N]``; all
            nodes if ``None``.

    Returns:
        bool ``[N * P, N * P]``, True where a token attends to another; ``None`` if everywhere.
    """
    if num_steps == 1:
        return nodes
    device = None if nodes is None else nodes.device
    step = torch.arange(num_steps, device=device).repeat(num_nodes)
    past = step.unsqueeze(0) <= step.unsqueeze(1)
    if nodes is None:
        return past
    return past & nodes.repeat_interleave(num_steps, 0).repeat_interleave(num_steps, 1)
