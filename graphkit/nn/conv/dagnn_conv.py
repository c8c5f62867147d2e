r"""Propagation over many hops with a learned gate per node and hop: the layer of DAGNN.

Meng Liu, Hongyang Gao, Shuiwang Ji, "Towards Deeper Graph Neural Networks", KDD 2020,
arXiv 2007.09296.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from graphkit.errors import GraphError
from graphkit.nn.caching.tensor_cache import TensorCache
from graphkit.ops.csr import CSR
from graphkit.ops.edges import as_edges
from graphkit.ops.normalize import normalized_adjacency, normalized_edges
from graphkit.ops.propagate import gated_propagation

__all__ = ["DAGNNConv"]


class DAGNNConv(MessagePassing):
    r"""The adaptive propagation layer of "Towards Deeper Graph Neural Networks".

    With :math:`\hat A = \tilde D^{-1/2} (A + I) \tilde D^{-1/2}` and :math:`H_l = \hat A^l X`

    .. math::
        X' = \sum_{l=0}^{K} \sigma(H_l s + b) \odot H_l

    where :math:`s` and :math:`b` are the only parameters, independent of K. The gates are not
    normalised over the hops. The published formula does not contain :math:`b`, but the authors'
    code does.

    Instead of ``edge_index`` the layer accepts ``adj_t``, the transposed adjacency as a
    ``torch.sparse`` tensor with the weights as its values, or an ``EdgeIndex``, with equal results
    (:func:`graphkit.ops.edges.as_edges`).

    The normalised graph is cached as long as ``edge_index`` and ``edge_weight`` are the same
    tensors with the same content (:class:`~graphkit.nn.caching.tensor_cache.TensorCache`). Edges
    run from source to target; on a directed graph the degree of both ends is that of incoming
    edges (:func:`~graphkit.ops.normalize.op.normalized_edges`). Parallel edges are summed, and a
    self loop is added only to nodes without one.

    Under ``torch.compile``, in ``torch_geometric.explain`` and if ``edge_weight`` requires a
    gradient, messages are materialised per edge as in other PyG layers. Only in these cases second
    derivatives are available.

    Args:
        in_channels: Number of input and output channels of a node. Small numbers are fast; DAGNN
            propagates class scores.
        K: Number of hops, 0 or more.
        add_self_loops: Whether to add the missing self loops.

    Shapes:
        - **input:** node features :math:`(n, C)`, edge indices :math:`(2, E)` or sparse ``adj_t``
          :math:`(n, n)`, edge weights :math:`(E)` (optional, not with ``adj_t``)
        - **output:** node features :math:`(n, C)`

    Raises:
        GraphError: ``K`` is negative, ``edge_index`` does not fit ``x``, or a weight is negative or
            not finite.

    Example:
        >>> conv = DAGNNConv(7, K=10)
        >>> conv(torch.randn(100, 7), torch.randint(100, (2, 500))).shape
        torch.Size([100, 7])
    """

    def __init__(self, in_channels: int, K: int, *, add_self_loops: bool = True) -> None:
        super().__init__(aggr="add")
        if K < 0:
            raise GraphError("K", "not a number of hops", expected=">= 0", got=K)
        self.in_channels = in_channels
        self.out_channels = in_channels
        self.K = K
        self.add_self_loops = add_self_loops
        self.gate = nn.Linear(in_channels, 1)
        self._graphs = TensorCache()

    def reset_parameters(self) -> None:
        """Reset the gate to uniform values in ``±1 / sqrt(in_channels)``."""
        super().reset_parameters()
        self.gate.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        # The values of a sparse adj_t are weights; indices have no gradient.
        given = (edge_index, edge_weight)
        learned = any(isinstance(t, Tensor) and t.requires_grad for t in given)
        if torch.compiler.is_compiling() or self.explain or learned:
            return self._by_messages(x, edge_index, edge_weight)
        dtype = torch.promote_types(x.dtype, torch.float32)
        adjacency = self.adjacency(edge_index, x.shape[0], edge_weight, dtype=dtype)
        with torch.autocast(x.device.type, enabled=False):
            out = gated_propagation(
                x.to(dtype).unsqueeze(2),
                self.gate.weight.to(dtype).t(),
                self.gate.bias.to(dtype),
                adjacency,
                self.K,
            )
        return out.squeeze(2).to(x.dtype)

    def adjacency(
        self,
        edge_index: Tensor,
        num_nodes: int,
        edge_weight: Tensor | None = None,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> CSR:
        """The normalised graph, from the cache if the graph equals that of the last call."""

        def make() -> CSR:
            edges, weight = as_edges(edge_index, edge_weight, num_nodes)
            return normalized_adjacency(
                edges, num_nodes, weight, add_self_loops=self.add_self_loops, dtype=dtype
            )

        if not isinstance(edge_index, Tensor):
            return make()  # raises the error
        key = (num_nodes, dtype, self.add_self_loops)
        return self._graphs.get((edge_index, edge_weight), key, make)

    def _by_messages(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None) -> Tensor:
        edge_index, weight = as_edges(edge_index, edge_weight, x.shape[0])
        edge_index, weight = normalized_edges(
            edge_index,
            x.shape[0],
            weight,
            add_self_loops=self.add_self_loops,
            dtype=x.dtype,
        )
        if self.explain:  # PyG's masks require edges without self loops, then one loop per node
            own = edge_index[0] == edge_index[1]
            loop = weight.new_zeros(x.shape[0]).index_add(0, edge_index[0, own], weight[own])
            nodes = torch.arange(x.shape[0], device=x.device)
            edge_index = torch.cat([edge_index[:, ~own], nodes.expand(2, -1)], dim=1)
            weight = torch.cat([weight[~own], loop])
        out = torch.sigmoid(self.gate(x)) * x
        for _ in range(self.K):
            x = self.propagate(edge_index, x=x, weight=weight, size=(x.shape[0], x.shape[0]))
            out = out + torch.sigmoid(self.gate(x)) * x
        return out

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        return weight.unsqueeze(1) * x_j

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, K={self.K})"
