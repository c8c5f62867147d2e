"""A plain DAGNN, as one writes it with PyG: what ``benchmarks/speed/dagnn.py`` compares with.

The structure of the authors' implementation, written anew: features are dense; every forward pass
adds the self loops and normalises the graph; every hop makes one message per edge and adds them up;
all K + 1 steps are stacked for the gate, and autograd keeps them. An epoch is one training step and
one evaluation, with losses and accuracies of the three subsets read off one by one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.conv.gcn_conv import gcn_norm

__all__ = ["PlainDAGNN", "PlainRun"]


class PlainPropagation(MessagePassing):
    """K hops by messages, then the gate over the stack of them."""

    def __init__(self, channels: int, K: int) -> None:
        super().__init__(aggr="add")
        self.K = K
        self.gate = nn.Linear(channels, 1)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        edge_index, norm = gcn_norm(edge_index, None, x.size(0), dtype=x.dtype)
        steps = [x]
        for _ in range(self.K):
            x = self.propagate(edge_index, x=x, norm=norm)
            steps.append(x)
        stack = torch.stack(steps, dim=1)  # [n, K + 1, c]
        score = torch.sigmoid(self.gate(stack).squeeze(2)).unsqueeze(1)
        return torch.matmul(score, stack).squeeze(1)

    def message(self, x_j: Tensor, norm: Tensor) -> Tensor:
        return norm.view(-1, 1) * x_j


class PlainDAGNN(nn.Module):
    """An MLP, then :class:`PlainPropagation`, then ``log_softmax``."""

    def __init__(
        self, in_channels: int, hidden_channels: int, out_channels: int, K: int, dropout: float
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.lin1 = nn.Linear(in_channels, hidden_channels)
        self.lin2 = nn.Linear(hidden_channels, out_channels)
        self.prop = PlainPropagation(out_channels, K)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.dropout(x, self.dropout, training=self.training)
        x = F.relu(self.lin1(x))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.prop(self.lin2(x), edge_index), dim=1)


class PlainRun:
    """One run of the protocol, epoch by epoch.

    Args:
        model: The model.
        x: Features ``[n, C]``, dense.
        edge_index: ``[2, E]``.
        y: Classes ``[n]``.
        parts: Node ids of training, validation and test.
        lr: Of Adam.
        weight_decay: Of Adam, on all parameters.
    """

    def __init__(
        self,
        model: nn.Module,
        x: Tensor,
        edge_index: Tensor,
        y: Tensor,
        parts: tuple[Tensor, Tensor, Tensor],
        lr: float,
        weight_decay: float,
    ) -> None:
        self.model, self.x, self.edge_index, self.y, self.parts = model, x, edge_index, y, parts
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
        self.best = (float("inf"), 0.0)

    def epoch(self) -> None:
        """One training step and one evaluation."""
        self.train()
        found = self.evaluate()
        if found["val_loss"] < self.best[0]:
            self.best = (found["val_loss"], found["test_accuracy"])

    def train(self) -> None:
        """One training step."""
        self.model.train()
        self.optimizer.zero_grad()
        out, train = self.model(self.x, self.edge_index), self.parts[0]
        F.nll_loss(out[train], self.y[train]).backward()
        self.optimizer.step()

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Loss and accuracy of each subset."""
        self.model.eval()
        out = self.model(self.x, self.edge_index)
        found = {}
        for name, part in zip(("train", "val", "test"), self.parts):
            found[f"{name}_loss"] = F.nll_loss(out[part], self.y[part]).item()
            right = out[part].argmax(1) == self.y[part]
            found[f"{name}_accuracy"] = right.sum().item() / len(part)
        return found
