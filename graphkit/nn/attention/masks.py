"""Who may look at whom: neighbours within some hops, and earlier steps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.ops.edges import check_edges

__all__ = ["hop_mask", "token_mask"]


def hop_mask(edge_index: Tensor, num_nodes: int, num_hops: int) -> Tensor:
    """Whether node j can reach node i in at most some hops, in either direction of the edges.

    Args:
        edge_index: ``[2, E]``.
        num_nodes: N.
        num_hops: 0 or more; every node reaches itself.

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
    """The mask of N x P tokens, node by node: never later steps, and only nodes that are allowed.

    Args:
        num_nodes: N.
        num_steps: P, tokens of a node, in order of time.
        nodes: bool ``[N, N]``, whether the row's node may look at the column's; all if ``None``.

    Returns:
        bool ``[N * P, N * P]``, True where a token may look; ``None`` if everywhere.
    """
    if num_steps == 1:
        return nodes
    device = None if nodes is None else nodes.device
    step = torch.arange(num_steps, device=device).repeat(num_nodes)
    past = step.unsqueeze(0) <= step.unsqueeze(1)
    if nodes is None:
        return past
    return past & nodes.repeat_interleave(num_steps, 0).repeat_interleave(num_steps, 1)
