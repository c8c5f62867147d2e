"""Random nodes that a source has no edge to: what an edge is ranked among."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.ops import counter_rng

__all__ = ["absent_targets"]


def absent_targets(src: Tensor, dst: Tensor, num_nodes: int, k: int, *at: int) -> Tensor:
    """For every edge k nodes that its source has no edge to, drawn uniformly with repetition.

    Exact and without rejection: draw r among the ``num_nodes - m`` nodes that are left, in the
    order of their ids, and step over the m destinations of the source.

    Args:
        src: Sources of the edges, int64 ``[E]``.
        dst: Destinations; every edge once.
        num_nodes: Number of nodes; the source itself may be drawn.
        k: Draws for each edge.
        at: Integers that the draws are a function of, beside the number of the edge.

    Returns:
        int64 ``[E, k]``.

    Raises:
        GraphError: A source has edges to all nodes.
    """
    key, order = (src * num_nodes + dst).sort()
    source = src[order]
    begins = torch.searchsorted(source, src)
    size = torch.searchsorted(source, src, right=True) - begins
    if bool((size >= num_nodes).any()):
        full = int(src[size >= num_nodes][0])
        raise GraphError("dst", f"node {full} has an edge to every node: there is none to draw")
    # The i-th destination is passed by draws from (its id - i) on, which does not decrease in i.
    index = torch.arange(len(src), device=src.device)
    passed = key - (index - torch.searchsorted(source, source))
    drawn = counter_rng.integers(
        (num_nodes - size).unsqueeze(1), *at, index.unsqueeze(1), torch.arange(k, device=src.device)
    )
    reach = torch.searchsorted(passed, src.unsqueeze(1) * num_nodes + drawn, right=True)
    return drawn + reach - begins.unsqueeze(1)
