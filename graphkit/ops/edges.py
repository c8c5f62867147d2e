"""The edges of a graph, in whichever form a caller holds it, and the check that they all pass."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["as_edges", "check_edges", "check_weights"]

_SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc)
_LARGEST = torch.finfo(torch.float32).max


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
            ``edge_weight``; an id is out of range or a weight is not one that degrees can be
            summed of (:func:`check_edges`).
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
        check_edges(edge_index, edge_weight, num_nodes)
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


def check_edges(
    edge_index: Tensor, edge_weight: Tensor | None = None, num_nodes: int | None = None
) -> None:
    """Refuse edges that no layer can normalise, or that lead to nodes that are not there.

    Every layer and basis that divides by degrees passes through here before it sums them. The check
    costs one pass over the edges. Under ``torch.compile`` it cannot raise an error of its own: a
    wrong weight fails as an assertion of torch there (``RuntimeError``).

    Args:
        edge_index: int64 ``[2, E]``.
        edge_weight: ``[E]``, or ``None``.
        num_nodes: :math:`N`; ids are not checked if left out.

    Raises:
        GraphError: ``edge_index`` is not ``[2, E]``, an id is not in ``0..N - 1``, there is not one
            weight per edge, or a weight is negative, infinite or NaN. The message says the row.
    """
    if edge_index.dim() != 2 or edge_index.shape[0] != 2:
        raise GraphError(
            "edge_index", "not a list of edges", expected="[2, E]", got=list(edge_index.shape)
        )
    if edge_weight is not None and edge_weight.shape != edge_index.shape[1:]:
        raise GraphError(
            "edge_weight",
            "not one number per edge",
            expected=list(edge_index.shape[1:]),
            got=list(edge_weight.shape),
        )
    if num_nodes is not None and edge_index.numel() and not torch.compiler.is_compiling():
        low, high = torch.aminmax(edge_index)
        if not bool((low >= 0) & (high < num_nodes)):
            row = int(((edge_index < 0) | (edge_index >= num_nodes)).any(0).nonzero()[0])
            raise GraphError(
                "edge_index",
                "no such node",
                row=row,
                expected=f"ids from 0 to {num_nodes - 1}, one for each row of x",
                got=edge_index[:, row].tolist(),
            )
    if edge_weight is not None:
        check_weights(edge_weight)


def check_weights(weight: Tensor, column: str = "edge_weight") -> None:
    """Refuse weights of edges that are negative, infinite, NaN, or so large that a sum is infinite.

    The square root of a negative degree is NaN, and a degree near zero, where weights of both signs
    cancel, makes entries of any size. Of an infinite degree all entries would be 0.

    Args:
        weight: ``[E]``.
        column: Name for the message.

    Raises:
        GraphError: There is such a weight; the message says the first row. Under ``torch.compile``
            it is a ``RuntimeError``.
    """
    if weight.numel() == 0:
        return
    weight = weight.detach()
    limit = _LARGEST / weight.numel()
    if torch.compiler.is_compiling():
        fits = ((weight >= 0) & (weight <= limit)).all()
        torch._assert_async(fits, f"{column}: a weight is negative, not finite or too large")
        return
    low, high = torch.stack(torch.aminmax(weight)).tolist()  # NaN if any is
    if low >= 0 and high <= limit:
        return
    row = int((~((weight >= 0) & (weight <= limit))).nonzero()[0])
    value = weight[row].item()
    finite = weight.dtype == torch.bool or math.isfinite(value)
    raise GraphError(
        column,
        "a weight is not finite"
        if not finite
        else ("a weight is negative" if value < 0 else "a weight is too large to be summed"),
        row=row,
        expected="a finite number >= 0",
        got=value,
        fix="Layers divide by sums of weights. Take magnitudes (weight.abs()), shift the weights, "
        "or leave them out and pass them as edge_attr.",
    )


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
    check_weights(value, "adj_t")
    return torch.stack([source, target]), value
