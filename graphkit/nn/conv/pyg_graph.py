"""A graph as PyG's GCNConv and APPNP take it, so that every form of it gives the same result."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit.ops.edges import as_edges

__all__ = ["pyg_graph"]


def pyg_graph(
    edge_index: Any, edge_weight: Tensor | None, num_nodes: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor | None]:
    """``edge_index`` and ``edge_weight`` for a layer that normalises them with ``gcn_norm``.

    A sparse ``adj_t`` in CSR layout stays as it is, which is PyG's fused product, where PyG gives
    for it what it gives for edges. Elsewhere the edges of ``adj_t`` are returned: ``gcn_norm`` adds
    1 to a self loop in ``adj_t``, where in ``edge_index`` the loop stays as it is; it does not take
    CSC, nor values of another dtype than the features' (under autocast neither); of COO it has no
    gradient.

    Args:
        edge_index: As for :func:`~graphkit.ops.edges.as_edges`.
        edge_weight: ``[E]``, or ``None``.
        num_nodes: Rows of the features.
        dtype: Of the features.

    Raises:
        GraphError: As :func:`~graphkit.ops.edges.as_edges`.
    """
    edges, weight = as_edges(edge_index, edge_weight, num_nodes)
    mixed = torch.is_autocast_enabled(edges.device.type)
    if edge_index.layout == torch.strided:
        if weight is not None and not (mixed and weight.is_floating_point()):
            weight = weight.to(dtype)
        return edges, weight
    fused = edge_index.layout == torch.sparse_csr and weight.dtype == dtype and not mixed
    if fused and not bool((edges[0] == edges[1]).any()):
        return edge_index, None
    # Under autocast dtype may be that of one operation: degrees are summed in the weights' own.
    return edges, weight if mixed and weight.is_floating_point() else weight.to(dtype)
