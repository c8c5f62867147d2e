r"""APPNP: an MLP followed by personalised PageRank.

Johannes Gasteiger (Klicpera), Aleksandar Bojchevski, Stephan Günnemann, "Predict then Propagate:
Graph Neural Networks meet Personalized PageRank", ICLR 2019, arXiv 1810.05997. An MLP followed by
the layer of PyG: with :math:`Z = \mathrm{MLP}(X)`,
:math:`H_{l} = (1 - \alpha) \hat A H_{l-1} + \alpha Z`. APPNP is similar to DAGNN, but its hops are
weighted by one hyperparameter, while those of DAGNN are weighted by learned gates. Departure: edges
are not dropped.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import APPNP as Propagation

from graphkit.nn.conv.pyg_graph import pyg_graph
from graphkit.nn.dropout.fast import relu_dropout
from graphkit.nn.inputs.graph_sizes import static_sizes
from graphkit.nn.sparse.linear import SparseLinear
from graphkit.registry import register

__all__ = ["APPNP"]


@register("model", "appnp", view="static", tasks=("node_classification",))
class APPNP(nn.Module):
    r"""APPNP (Gasteiger et al. 2019): an MLP followed by personalised PageRank (the PyG layer).

    When to use:
        As a simpler alternative to DAGNN: the weight of each hop is fixed, which saves
        parameters and is slightly less accurate on the public splits.

    Args:
        in_channels: Number of node features.
        hidden_channels: Width of the MLP.
        out_channels: Number of classes.
        K: Number of hops.
        alpha: Teleport probability :math:`\alpha`.
        dropout: Dropout probability of input and hidden channels.

    Shapes:
        - **input:** node features :math:`(n, C)`, strided or sparse CSR; edge indices
          :math:`(2, E)`, an ``EdgeIndex`` or sparse ``adj_t`` :math:`(n, n)`
          (:func:`graphkit.ops.edges.as_edges`); edge weights :math:`(E)` (optional, not with
          ``adj_t``)
        - **output:** logits :math:`(n, C')`
    """

    accepts_sparse = True

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        K: int = 10,
        alpha: float = 0.1,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.lin1 = SparseLinear(in_channels, hidden_channels, dropout=dropout)
        self.lin2 = nn.Linear(hidden_channels, out_channels)
        self.conv = Propagation(K, alpha)

    @classmethod
    def from_graph(cls, graph: Any, *, hidden_channels: int = 64, **settings: Any) -> APPNP:
        """Create a model for the features and classes of ``graph``."""
        return cls(hidden_channels=hidden_channels, **static_sizes(graph), **settings)

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> APPNP:
        """Create a model for the graph of ``task``; ``settings`` as in :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        self.lin1.reset_parameters()
        self.lin2.reset_parameters()
        self.conv.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        hidden = relu_dropout(self.lin1(x), self.dropout if self.training else 0.0)
        scores = self.lin2(hidden)
        graph = pyg_graph(edge_index, edge_weight, x.shape[0], scores.dtype)
        return self.conv(scores, *graph)
