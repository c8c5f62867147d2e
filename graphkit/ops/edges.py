"""The edges of a graph, in whichever form a caller holds it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["as_edges"]

_SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc)


def as_edges(
    edge_index: Any, edge_weight: Tensor | None = None, num_nodes: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """``edge_index`` and ``edge_weight`` as plain tensors, differentiable in the weights.

    Args:
        edge_index: int64 ``[2, E]``, sources and targets; PyG's ``EdgeIndex``; or ``adj_t``, the
            transposed adjacency as a ``torch.sparse`` tensor ``[N, N]`` in COO, CSR or CSC layout,
            as PyG's layers take it: the entry in row v and column u is the weight of the edge
            u -> v. Entries of one place add up.
        edge_weight: ``[E]``, or ``None``; for ``adj_t`` the weights are its values.
        num_nodes: :math:`N`, which ``adj_t`` must have; not checked if left out.

    Returns:
        int64 ``[2, E]`` and the weights: as given, or for ``adj_t`` its entries by rows (by columns
        for CSC) and their values.

    Raises:
        GraphError: ``edge_index`` has another type, layout or shape, or ``adj_t`` comes with
            ``edge_weight``.
    """
    if not isinstance(edge_index, Tensor):
        raise GraphError(
            "edge_index",
            "not a graph",
            expected="a tensor int64 [2, E], an EdgeIndex, or adj_t as a torch.sparse tensor",
            got=type(edge_index).__name__,
            fix="Of a torch_sparse.SparseTensor: adj_t.to_torch_sparse_csr_tensor().",
        )
    if hasattr(edge_index, "as_tensor"):  # PyG's EdgeIndex
        edge_index = edge_index.as_tensor()
    if edge_index.layout == torch.strided:
        return edge_index, edge_weight
    if edge_weight is not None:
        raise GraphError(
            "edge_weight",
            "adj_t has the weights already",
            expected="None beside a sparse adj_t",
            got=list(edge_weight.shape),
            fix="Put the weights into the values of adj_t.",
        )
    return _entries(edge_index, num_nodes)


def _entries(adj_t: Tensor, num_nodes: int | None) -> tuple[Tensor, Tensor]:
    layout, shape = adj_t.layout, list(adj_t.shape)
    if layout not in _SPARSE:
        raise GraphError("adj_t", "no such layout", expected="sparse COO, CSR or CSC", got=layout)
    n = shape[0] if num_nodes is None else num_nodes
    if shape[:2] != [n, n]:
        raise GraphError(
            "adj_t", "not one row and one column per node", expected=f"[{n}, {n}]", got=shape
        )
    if layout == torch.sparse_coo:
        adj_t = adj_t.coalesce()
        target, source = adj_t.indices()
    else:
        by_row = layout == torch.sparse_csr
        indptr = adj_t.crow_indices() if by_row else adj_t.ccol_indices()
        other = (adj_t.col_indices() if by_row else adj_t.row_indices()).long()
        own = torch.arange(n, device=other.device).repeat_interleave(indptr.diff())
        target, source = (own, other) if by_row else (other, own)
    value = adj_t.values()
    if value.dim() != 1:
        raise GraphError(
            "adj_t", "not one number per edge", expected="values [E]", got=list(value.shape)
        )
    return torch.stack([source, target]), value
