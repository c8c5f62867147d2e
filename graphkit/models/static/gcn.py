r"""GCN: a linear map, one propagation step and a nonlinearity per layer.

Thomas Kipf, Max Welling, "Semi-Supervised Classification with Graph Convolutional Networks",
ICLR 2017, arXiv 1609.02907. Uses ``GCNConv`` of PyG; the linear map of the first layer accepts
sparse features.
"""

from __future__ import annotations

import itertools
from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from graphkit.errors import GraphError
from graphkit.nn.conv.pyg_graph import pyg_graph
from graphkit.nn.dropout.fast import relu_dropout
from graphkit.nn.inputs.graph_sizes import static_sizes
from graphkit.nn.sparse.linear import SparseLinear
from graphkit.registry import register

__all__ = ["GCN"]


@register("model", "gcn", view="static", tasks=("node_classification",))
class GCN(nn.Module):
    """GCN (Kipf and Welling 2017): one propagation step with weights per layer (the PyG layer).

    When to use:
        As a baseline for static graphs. Use two layers: accuracy drops with more layers.

    Args:
        in_channels: Number of node features.
        hidden_channels: Width of the hidden layers.
        out_channels: Number of classes.
        num_layers: Number of layers, at least 1; also the number of hops.
        dropout: Dropout probability of the input channels of each layer.

    Shapes:
        - **input:** node features :math:`(n, C)`, strided or sparse CSR; edge indices
          :math:`(2, E)`, an ``EdgeIndex`` or sparse ``adj_t`` :math:`(n, n)`
          (:func:`graphkit.ops.edges.as_edges`); edge weights :math:`(E)` (optional, not with
          ``adj_t``)
        - **output:** logits :math:`(n, C')`

    Raises:
        GraphError: ``num_layers`` is less than 1.
    """

    accepts_sparse = True

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise GraphError("num_layers", "no layer", expected=">= 1", got=num_layers)
        self.dropout = dropout
        sizes = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.convs = nn.ModuleList(GCNConv(a, b) for a, b in itertools.pairwise(sizes))
        self.convs[0].lin = SparseLinear(in_channels, sizes[1], bias=False, dropout=dropout)
        self.reset_parameters()

    @classmethod
    def from_graph(cls, graph: Any, *, hidden_channels: int = 16, **settings: Any) -> GCN:
        """Create a model for the features and classes of ``graph``."""
        return cls(hidden_channels=hidden_channels, **static_sizes(graph), **settings)

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> GCN:
        """Create a model for the graph of ``task``; ``settings`` as in :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters: Glorot-uniform weights, as in the paper, zero biases."""
        for conv in self.convs:
            conv.reset_parameters()
        nn.init.xavier_uniform_(self.convs[0].lin.weight)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        dtype = self.convs[0].lin.weight.dtype
        edge_index, edge_weight = pyg_graph(edge_index, edge_weight, x.shape[0], dtype)
        x = self.convs[0](x, edge_index, edge_weight)
        for conv in self.convs[1:]:
            x = relu_dropout(x, self.dropout if self.training else 0.0)
            x = conv(x, edge_index, edge_weight)
        return x
