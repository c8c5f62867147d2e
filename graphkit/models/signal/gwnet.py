r"""Graph WaveNet: gated dilated convolutions over time and diffusion over given and learned graphs.

.. math::
    h &= \tanh(\Theta_1 \star x + b_1) \odot \sigma(\Theta_2 \star x + b_2)  \\
    z &= \sum_{k=0}^{K} \left( (P_f^\top)^k h W_{k1} + (P_b^\top)^k h W_{k2}
    + (\tilde A^\top)^k h W_{k3} \right) \\
    \tilde A &= \mathrm{softmax}(\mathrm{relu}(E_1 E_2^\top))

with causal convolutions :math:`\star` of increasing dilation, the forward and backward transition
matrices of the graph :math:`P_f = D^{-1} A`, :math:`P_b = D_\mathrm{in}^{-1} A^\top`, residual
connections around every layer, and skip connections from every layer to two linear layers that
output all steps ahead at once.

Source: Wu, Pan, Long, Jiang, Zhang: Graph WaveNet for Deep Spatial-Temporal Graph Modeling, IJCAI
2019, arXiv 1906.00121; equations 3 to 8 and section 4; the authors' code (nnzhan/Graph-WaveNet).

Paper and code differ in the graph convolution. Equations 3 and 6 of the paper are
:math:`P^k X W`: node u gathers from the nodes to which its edges point. The authors' code, like
that of DCRNN, uses the transposed given and learned matrices: node v gathers
:math:`\sum_u P_{uv} x_u`, from the nodes whose edges point to it. The published results are those
of the code, which is the default here and corresponds to the equation above;
``transposed=False`` is the form of the paper. In both cases self loops are neither added to the
given graph nor removed.

Departures that do not change the function:

- The layout is ``[T, N, B, C]``, and the sum over powers is computed as
  :math:`h W_0 + P (h W_1 + P h W_2)`, without storing all powers.
- Only the last step of the skip connection of a layer affects the output, so only that step is
  computed.
- The last layer has no graph convolution, because its result would not be used.
- The power 0 of each matrix is the identity: the three have one common weight, as in the authors'
  code.
- Normalisation uses the mean and variance of whole batches, as published; dropout follows the graph
  convolution, as in the authors' code.
- Inputs are all channels and the covariate time of day without encoding (as in the authors' data).

Departure that changes the function: only the last steps of a window longer than the receptive field
are read. The authors' code also reads the earlier steps in training, so that its batch statistics
include more steps; its windows of 12 steps are shorter than the receptive field of 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.errors import GraphError
from graphkit.nn.signal import Transition
from graphkit.registry import register

__all__ = ["DiffusionConv", "GraphWaveNet"]


class DiffusionConv(nn.Module):
    r"""Graph convolution of Graph WaveNet: :math:`\sum_s \sum_{k \le K} A_s^k x W_{sk} + b`.

    Args:
        in_channels: Number of input channels.
        out_channels: Number of output channels.
        num_matrices: Number of matrices, including fixed and learned ones.
        order: Highest power, K.

    Shapes:
        - **input:** :math:`(T, N, B, C)`, fixed transitions, and ``None`` or a learned matrix
          :math:`(N, N)`, which multiplies from the left
        - **output:** :math:`(T, N, B, C')`
    """

    def __init__(
        self, in_channels: int, out_channels: int, num_matrices: int, order: int = 2
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.num_matrices, self.order = num_matrices, order
        # The identity, followed by the powers 1 to K of every matrix.
        self.weight = nn.Parameter(torch.empty(1 + num_matrices * order, in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all learnable parameters as those of one linear layer over all powers."""
        bound = (self.weight.size(0) * self.in_channels) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor, fixed: Sequence[nn.Module], learnt: Tensor | None) -> Tensor:
        steps, nodes, batch, _ = x.shape

        def projected(k: int) -> Tensor:
            return (x @ self.weight[k]).view(steps, nodes, -1)

        matrices = [*fixed] if learnt is None else [*fixed, _Dense(learnt, steps)]
        out = (x @ self.weight[0] + self.bias).view(steps, nodes, -1)
        for s, matrix in enumerate(matrices):
            first = 1 + s * self.order
            inner = None
            for k in range(first + self.order - 1, first - 1, -1):  # from the highest power down
                inner = projected(k) if inner is None else matrix(inner, projected(k))
            out = matrix(inner, out)
        return out.view(steps, nodes, batch, self.out_channels)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, matrices={self.num_matrices}, "
            f"order={self.order}"
        )


class _Dense:
    """A learned matrix with the interface of :class:`Transition`."""

    def __init__(self, matrix: Tensor, steps: int) -> None:
        self.matrix = matrix.expand(steps, -1, -1)

    def __call__(self, x: Tensor, add: Tensor) -> Tensor:
        return torch.baddbmm(add, self.matrix, x)


@register("model", "gwnet", view="signal", tasks=("forecast",))
class GraphWaveNet(nn.Module):
    r"""Graph WaveNet, a forecaster that learns a graph in addition to the given one.

    When to use:
        For sensor forecasts with a given graph, a learned graph, or both. It is the most common
        reference in the literature. `transposed=False` selects the form of the paper instead of
        the authors' code.

    Args:
        in_channels: Number of channels of the readings.
        num_nodes: Number of nodes, ``N``.
        horizon: Number of steps ahead, ``T``.
        edge_index: The given graph, int64 ``[2, E]``.
        edge_weight: Edge weights ``[E]``; by default ones.
        target_channels: Channels to forecast; by default all.
        hidden_channels: Number of channels of convolutions and residual connections.
        skip_channels: Number of channels of skip connections.
        end_channels: Number of channels between the two last layers.
        num_blocks: Number of blocks of layers.
        num_layers: Number of layers per block; the dilation doubles from 1 in each block.
        kernel_size: Kernel size of the convolutions over time.
        order: Number of diffusion steps, K.
        embedding_dim: Size of the node embeddings of the learned graph; 0 disables it.
        transposed: Whether to use the transposed matrices, as in the authors' code, instead of the
            matrices themselves, as in the paper.
        dropout: Dropout probability after graph convolutions.
        covariate_names: Names of the covariate columns.
        time_features: Names of the covariates that are used as input channels.

    Raises:
        GraphError: There is neither a given graph nor a node embedding for a learned one.

    Shapes:
        - **input:** readings :math:`(B, T', N, C)`, covariates :math:`(B, \geq T', K)`; a window
          shorter than the receptive field is padded with 0 at the start
        - **output:** :math:`(B, T, N, C')`
    """

    kind: ClassVar[str] = "forecast"

    def __init__(
        self,
        in_channels: int,
        num_nodes: int,
        horizon: int,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        *,
        target_channels: Sequence[int] | None = None,
        hidden_channels: int = 32,
        skip_channels: int = 256,
        end_channels: int = 512,
        num_blocks: int = 4,
        num_layers: int = 2,
        kernel_size: int = 2,
        order: int = 2,
        embedding_dim: int = 10,
        dropout: float = 0.3,
        transposed: bool = True,
        covariate_names: Sequence[str] = (),
        time_features: Sequence[str] = ("time_of_day",),
    ) -> None:
        super().__init__()
        self.num_nodes, self.horizon, self.dropout = num_nodes, horizon, dropout
        self.kernel_size, self.embedding_dim = kernel_size, embedding_dim
        self.transposed = transposed
        names = list(covariate_names)
        self.columns = [names.index(name) for name in time_features if name in names]
        self.out_channels = in_channels if target_channels is None else len(target_channels)
        self.fixed = nn.ModuleList()
        if edge_index.numel():
            for backward in (False, True):
                self.fixed.append(
                    Transition(
                        edge_index,
                        edge_weight,
                        num_nodes,
                        backward=backward,
                        transposed=transposed,
                    )
                )
        matrices = len(self.fixed) + (embedding_dim > 0)
        if not matrices:
            raise GraphError(
                "edge_index", "no graph is given and none is learnt", fix="Set embedding_dim > 0."
            )
        if embedding_dim:
            self.source = nn.Parameter(torch.empty(num_nodes, embedding_dim))
            self.target = nn.Parameter(torch.empty(num_nodes, embedding_dim))
        c = hidden_channels
        self.dilations = [2**layer for _ in range(num_blocks) for layer in range(num_layers)]
        self.receptive_field = 1 + (kernel_size - 1) * sum(self.dilations)
        self.start = nn.Linear(in_channels + len(self.columns), c)
        self.gates = nn.ModuleList(nn.Linear(kernel_size * c, 2 * c) for _ in self.dilations)
        self.skips = nn.ModuleList(nn.Linear(c, skip_channels) for _ in self.dilations)
        inner = self.dilations[:-1]
        self.convs = nn.ModuleList(DiffusionConv(c, c, matrices, order) for _ in inner)
        self.norms = nn.ModuleList(nn.BatchNorm1d(c) for _ in inner)
        self.end1 = nn.Linear(skip_channels, end_channels)
        self.end2 = nn.Linear(end_channels, horizon * self.out_channels)
        self.reset_parameters()

    @classmethod
    def from_task(cls, task: Any, **settings: Any) -> GraphWaveNet:
        """Create a model for the graph, the channels and the horizon of a task."""
        return cls(
            task.in_channels,
            task.num_nodes,
            task.horizon,
            task.edge_index,
            task.edge_weight,
            target_channels=task.target_channels,
            covariate_names=task.covariate_names,
            **settings,
        )

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        for module in self.modules():
            if module is not self and hasattr(module, "reset_parameters"):
                module.reset_parameters()
        if self.embedding_dim:
            nn.init.normal_(self.source)
            nn.init.normal_(self.target)

    def learnt_graph(self) -> Tensor | None:
        r"""Return the learned graph :math:`\tilde A`, ``[N, N]``, or ``None`` if it is not used.

        The rows sum to 1. With ``transposed``, row u contains the weights with which the features
        of u are sent to other nodes; otherwise, the weights with which u gathers from them.
        """
        if not self.embedding_dim:
            return None
        return torch.softmax(F.relu(self.source @ self.target.T), dim=1)

    def forward(
        self, x: Tensor, covariates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        x = x.permute(1, 2, 0, 3)  # [T', N, B, C]
        if self.columns:
            times = covariates[:, : x.size(0), self.columns].transpose(0, 1).unsqueeze(1)
            x = torch.cat([x, times.expand(-1, self.num_nodes, -1, -1)], dim=-1)
        missing = self.receptive_field - x.size(0)
        x = F.pad(x, (0, 0, 0, 0, 0, 0, missing, 0)) if missing > 0 else x[-self.receptive_field :]
        x, skip, learnt = self.start(x), None, self.learnt_graph()
        if learnt is not None and self.transposed:
            learnt = learnt.T
        for layer, dilation in enumerate(self.dilations):
            length = x.size(0) - (self.kernel_size - 1) * dilation
            taps = [x[k * dilation : k * dilation + length] for k in range(self.kernel_size)]
            value, gate = self.gates[layer](torch.cat(taps, dim=-1)).chunk(2, dim=-1)
            h = value.tanh() * gate.sigmoid()
            told = self.skips[layer](h[-1])
            skip = told if skip is None else skip + told
            if layer < len(self.convs):
                h = self.convs[layer](h, self.fixed, learnt)
                h = F.dropout(h, self.dropout, self.training) + x[-length:]
                x = self.norms[layer](h.view(-1, h.size(-1))).view(h.shape)
        out = self.end2(self.end1(skip.relu()).relu())  # [N, B, T * C']
        return out.view(*out.shape[:2], self.horizon, -1).permute(1, 2, 0, 3)
