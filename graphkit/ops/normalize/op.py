"""The normalised adjacency of a graph convolution, as edges or as a matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops.csr import CSR
from graphkit.ops.edges import check_edges

__all__ = ["normalized_adjacency", "normalized_edges"]


def normalized_edges(
    edge_index: Tensor,
    num_nodes: int,
    edge_weight: Tensor | None = None,
    *,
    add_self_loops: bool = True,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    r"""The entries of :math:`\hat A = \tilde D^{-1/2} (A + I) \tilde D^{-1/2}`, differentiable.

    Messages flow along an edge, as in PyG: entry (target, source). The degree is the sum of the
    weights that come in, on a directed graph too, for both ends (then :math:`\hat A` is not
    symmetric; ``torch_geometric.utils.to_undirected`` makes it so). A self loop is added only
    where a node has none. Parallel edges add up, self loops among them. A node of degree 0 sends
    and receives nothing.

    Args:
        edge_index: int64 ``[2, E]``, sources and targets.
        num_nodes: :math:`n`.
        edge_weight: ``[E]``, 1 if left out.
        add_self_loops: Whether to add the missing ones.
        dtype: Of the values.

    Returns:
        int64 ``[2, E + n]`` (``[2, E]`` without self loops) and the values: the edges in their
        order, then one self loop for each node (of weight 0 where the node has its own).

    Raises:
        GraphError: ``edge_index`` is not ``[2, E]``, holds an id outside of ``0..num_nodes - 1``,
            the number of weights is another than that of edges, or a weight is negative or not
            finite (:func:`graphkit.ops.edges.check_edges`).
    """
    check_edges(edge_index, edge_weight, num_nodes)
    source, target = edge_index[0], edge_index[1]
    if edge_weight is None:
        weight = torch.ones(source.shape[0], dtype=dtype, device=source.device)
    else:
        weight = edge_weight.to(dtype)
    if add_self_loops:
        own = torch.zeros(num_nodes, dtype=dtype, device=source.device)
        own = own.index_add(0, target, (source == target).to(dtype))
        nodes = torch.arange(num_nodes, device=source.device)
        source, target = torch.cat([source, nodes]), torch.cat([target, nodes])
        weight = torch.cat([weight, (own == 0).to(dtype)])
    degree = torch.zeros(num_nodes, dtype=dtype, device=source.device)
    degree = degree.index_add(0, target, weight)
    positive = degree > 0
    root = torch.where(positive, torch.where(positive, degree, 1).rsqrt(), 0)
    return torch.stack([source, target]), root[source] * weight * root[target]


def normalized_adjacency(
    edge_index: Tensor,
    num_nodes: int,
    edge_weight: Tensor | None = None,
    *,
    add_self_loops: bool = True,
    dtype: torch.dtype = torch.float32,
) -> CSR:
    """:func:`normalized_edges` as a matrix: row = target, column = source.

    Raises:
        GraphError: As :func:`normalized_edges`.
    """
    index, value = normalized_edges(
        edge_index, num_nodes, edge_weight, add_self_loops=add_self_loops, dtype=dtype
    )
    present = value != 0  # the self loops of nodes that have their own
    index, value = index[:, present], value[present]
    return CSR.from_coo(index[1], index[0], value, (num_nodes, num_nodes))
