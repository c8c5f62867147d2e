"""Conversion of graphs for PyG's GCNConv and APPNP, with equal results for all graph formats."""

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

    A sparse ``adj_t`` in CSR layout is returned unchanged, so that PyG uses its fused product, if
    the result of PyG equals that for edges. Otherwise the edges of ``adj_t`` are returned, because
    ``gcn_norm`` adds 1 to existing self loops of ``adj_t``, but not to those of ``edge_index``;
    does not accept CSC, or values whose dtype differs from that of the features (also under
    autocast); and has no gradient for COO.

    Args:
        edge_index: See :func:`~graphkit.ops.edges.as_edges`.
        edge_weight: Edge weights ``[E]``, or ``None``.
        num_nodes: Number of rows of the features.
        dtype: Data type of the features.

    Raises:
        GraphError: See :func:`~graphkit.ops.edges.as_edges`.
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
    # Under autocast, dtype may be that of one operation: sum degrees in the dtype of the weights.
    return edges, weight if mixed and weight.is_floating_point() else weight.to(dtype)
