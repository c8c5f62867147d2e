r"""DAGNN: one transformation, followed by propagation over many hops with a gate per node and hop.

Meng Liu, Hongyang Gao, Shuiwang Ji, "Towards Deeper Graph Neural Networks", KDD 2020, pp. 338-348,
arXiv 2007.09296. (Not the network for directed acyclic graphs with the same abbreviation.)

Deep GCNs degrade with depth mostly because every hop has weights and a nonlinearity. DAGNN
separates transformation and propagation: an MLP computes class scores for each node, which are
propagated over K hops without weights and weighted by a gate per node and hop:

.. math::
    Z = \mathrm{MLP}(X), \quad H_l = \hat A^l Z, \quad
    \mathrm{out} = \sum_{l=0}^{K} \sigma(H_l s + b) \odot H_l

The number of parameters does not depend on K, and a hop propagates only one value per node and
class.

Departures from the authors' code, none of which changes its correct results: K = 0, a single node
and a single class follow the formula (the authors' code confuses the axes); the graph is normalised
once and not in every forward pass; features may be sparse (dropout is then drawn for nonzero
entries only); the output is logits, not their ``log_softmax``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.conv import DAGNNConv
from graphkit.nn.dropout.fast import fast_dropout, relu_dropout
from graphkit.nn.inputs.graph_sizes import static_sizes
from graphkit.nn.sparse.linear import SparseLinear, sparse_linear
from graphkit.ops.propagate import gated_propagation
from graphkit.registry import register

__all__ = ["DAGNN", "StackedDAGNN"]


@register("model", "dagnn", view="static", tasks=("node_classification",))
class DAGNN(nn.Module):
    r"""DAGNN (Liu et al. 2020): deep receptive fields by gated propagation of class scores.

    When to use:
        For node classification on a static graph with few labels whose neighbours tend to have
        the same class: class scores are propagated over many hops (10 to 50), with a learned
        weight for each hop and node.

    Args:
        in_channels: Number of node features.
        hidden_channels: Width of the MLP.
        out_channels: Number of classes.
        K: Number of hops.
        dropout: Dropout probability of input and hidden channels of the MLP.
        batch_norm: Whether to use the authors' variant for ogbn-arxiv: batch normalisation of the
            hidden layer, and no dropout of the input.

    Shapes:
        - **input:** node features :math:`(n, C)`, strided or sparse CSR; edge indices
          :math:`(2, E)`, an ``EdgeIndex`` or sparse ``adj_t`` :math:`(n, n)`
          (:func:`graphkit.ops.edges.as_edges`); edge weights :math:`(E)` (optional, not with
          ``adj_t``)
        - **output:** logits :math:`(n, C')`

    Example:
        >>> model = DAGNN(1433, 64, 7, K=10, dropout=0.8)
        >>> sum(p.numel() for p in model.parameters())
        92239
    """

    accepts_sparse = True

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        K: int = 10,
        dropout: float = 0.5,
        *,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.K = K
        self.dropout = dropout
        self.lin1 = SparseLinear(
            in_channels, hidden_channels, dropout=0.0 if batch_norm else dropout
        )
        self.norm = nn.BatchNorm1d(hidden_channels) if batch_norm else None
        self.lin2 = nn.Linear(hidden_channels, out_channels)
        self.conv = DAGNNConv(out_channels, K)

    @classmethod
    def from_graph(cls, graph: Any, *, hidden_channels: int = 64, **settings: Any) -> DAGNN:
        """Create a model for the features and classes of ``graph``."""
        return cls(hidden_channels=hidden_channels, **static_sizes(graph), **settings)

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> DAGNN:
        """Create a model for the graph of ``task``; ``settings`` as in :meth:`from_graph`."""
        return cls.from_graph(task.graph, **settings)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters, with the initialisation of linear layers in torch."""
        self.lin1.reset_parameters()
        if self.norm is not None:
            self.norm.reset_parameters()
        self.lin2.reset_parameters()
        self.conv.reset_parameters()

    def transform(self, x: Tensor) -> Tensor:
        """Compute the output of the MLP, :math:`Z`, ``[n, C']``."""
        h = self.lin1(x)
        if self.norm is not None:
            h = self.norm(h)
        return self.lin2(relu_dropout(h, self.dropout if self.training else 0.0))

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return self.conv(self.transform(x), edge_index, edge_weight)

    @staticmethod
    def stack(models: list[DAGNN], seeds: list[int]) -> StackedDAGNN:
        """Combine several models into one, see :class:`StackedDAGNN`."""
        return StackedDAGNN(models, seeds)

    def extra_repr(self) -> str:
        return f"dropout={self.dropout}"


class StackedDAGNN(nn.Module):
    """Models of equal shape that are trained together on one graph with the results of single runs.

    Parameters have a leading axis of models. All models share one propagation, in which they form
    an additional last axis. Each model draws dropout from its own generator, which starts in the
    state of ``torch.manual_seed(seed)``.

    Args:
        models: Models of equal sizes.
        seeds: One seed per model.

    Shapes:
        - **input:** as for :class:`DAGNN`
        - **output:** logits :math:`(r, n, C')` for r models

    Raises:
        GraphError: The models differ in shape, or have batch normalisation.
    """

    accepts_sparse = True

    def __init__(self, models: list[DAGNN], seeds: list[int]) -> None:
        super().__init__()
        first = models[0]
        shapes = {(m.K, m.dropout, *(p.shape for p in m.parameters())) for m in models}
        if len(shapes) > 1 or len(models) != len(seeds):
            raise GraphError("models", "they are not alike, or there is not one seed for each")
        if first.norm is not None:
            raise GraphError("models", "batch normalisation cannot be stacked")
        self.K, self.dropout = first.K, first.dropout
        self.names = [name for name, _ in first.named_parameters()]
        stacked = [torch.stack([m.get_parameter(n).detach() for m in models]) for n in self.names]
        stacked[0] = stacked[0].mT.contiguous().mT  # memory layout for the first product
        self.values = nn.ParameterList(nn.Parameter(value) for value in stacked)
        self.generators = [
            torch.Generator(self.values[0].device).manual_seed(seed) for seed in seeds
        ]
        # Kept for their caches of graph and features; in a tuple, so that they are no submodules.
        self._knowing = (first.conv, first.lin1)

    def state_of(self, row: int) -> dict[str, Tensor]:
        """Return the state dict of the model in a row, as views."""
        return {name: value.detach()[row] for name, value in zip(self.names, self.values)}

    def parameters_of(self, row: int) -> dict[str, Tensor]:
        """The parameters of the model of a row: views, with gradients."""
        return {name: value[row] for name, value in zip(self.names, self.values)}

    def keep(self, rows: list[int]) -> None:
        """Keep only the given models; parameters become new tensors."""
        for i, value in enumerate(self.values):
            kept = value.detach()[rows] if i else value.detach().mT[rows].mT
            self.values[i] = nn.Parameter(kept)
        self.generators = [self.generators[row] for row in rows]

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        w1, b1, w2, b2, s, gate = self.values
        p = self.dropout if self.training else 0.0
        conv, lin = self._knowing
        sparse = x.layout == torch.sparse_csr
        entries = lin.entries(x) if sparse else None
        hidden = []
        # unbind, because the gradient of indexing would be as large as the whole stack per run.
        for w, b, generator in zip(w1.mT.unbind(), b1.unbind(), self.generators):
            if sparse:
                h = sparse_linear(entries, w.t(), b, p, generator)
            else:
                h = nn.functional.linear(fast_dropout(x, p, generator), w.t(), b)
            hidden.append(relu_dropout(h, p, generator))
        z = torch.baddbmm(b2.unsqueeze(1), torch.stack(hidden), w2.transpose(1, 2))
        adjacency = conv.adjacency(edge_index, x.shape[0], edge_weight, dtype=z.dtype)
        # s is [r, 1, c], z [r, n, c]: the runs become the last axis, contiguous for each hop.
        z, s, gate = z.permute(1, 2, 0), s.squeeze(1).t(), gate.squeeze(1)
        out = gated_propagation(z, s, gate, adjacency, self.K)
        return out.permute(2, 0, 1)
