"""An MLP on node features: the baseline that does not use the edges."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphkit.nn.dropout.fast import relu_dropout
from graphkit.nn.inputs.graph_sizes import static_sizes
from graphkit.nn.sparse.linear import SparseLinear
from graphkit.registry import register

__all__ = ["MLP"]


@register("model", "mlp", view="static", tasks=("node_classification",))
class MLP(nn.Module):
    """A two-layer MLP on node features that ignores the edges.

    When to use:
        As a baseline that ignores the edges. If it is as accurate as a graph model, the edges
        do not help.

    Args:
        in_channels: Number of node features.
        hidden_channels: Width of the hidden layer.
        out_channels: Number of classes.
        dropout: Dropout probability of input and hidden channels.

    Shapes:
        - **input:** node features :math:`(n, C)`, strided or sparse CSR; edges are ignored
        - **output:** logits :math:`(n, C')`
    """

    accepts_sparse = True
    columns_ignored = ("edge_weight",)

    def __init__(
        self, in_channels: int, hidden_channels: int, out_channels: int, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.lin1 = SparseLinear(in_channels, hidden_channels, dropout=dropout)
        self.lin2 = nn.Linear(hidden_channels, out_channels)

    @classmethod
    def from_graph(cls, graph: Any, *, hidden_channels: int = 64, **settings: Any) -> MLP:
        """Create a model for the features and classes of ``graph``."""
        return cls(hidden_channels=hidden_channels, **static_sizes(graph), **settings)

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> MLP:
        """Create a model for the graph of ``task``; ``settings`` as in :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        self.lin1.reset_parameters()
        self.lin2.reset_parameters()

    def forward(
        self, x: Tensor, edge_index: Tensor | None = None, edge_weight: Tensor | None = None
    ) -> Tensor:
        return self.lin2(relu_dropout(self.lin1(x), self.dropout if self.training else 0.0))
