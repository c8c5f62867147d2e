"""The head that a task on snapshots asks for: a classifier of nodes or of pairs of nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphkit.nn.snapshot.pair_mlp import PairMLP
from graphkit.registry import register

__all__ = ["NodeMLP", "make_head"]


@register("layer", "node_mlp")
class NodeMLP(nn.Module):
    r"""Linear, ReLU, Linear on :math:`h_u`, the node classifier of the EvolveGCN code.

    Args:
        in_channels: Width of a node's embedding.
        hidden_channels: Width of the hidden layer.
        num_classes: Number of classes.

    Shapes:
        - **input:** embeddings ``[n, in_channels]``, rows of nodes int64 ``[M]``
        - **output:** logits ``[M, num_classes]``
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_classes: int = 2) -> None:
        super().__init__()
        self.first = nn.Linear(in_channels, hidden_channels)
        self.second = nn.Linear(hidden_channels, num_classes)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters as in :class:`torch.nn.Linear`."""
        self.first.reset_parameters()
        self.second.reset_parameters()

    def forward(self, h: Tensor, node: Tensor) -> Tensor:
        """Logits of some rows."""
        return self.second(torch.relu(self.first(h.index_select(0, node))))


_HEADS = {"nodes": NodeMLP}


def make_head(task: Any, in_channels: int, hidden_channels: int) -> nn.Module:
    """A head for ``task.num_classes`` classes of what the task is about.

    Args:
        task: ``task.subject == "nodes"`` asks for :class:`NodeMLP`, anything else for
            :class:`~graphkit.nn.snapshot.PairMLP`.
        in_channels: Width of a node's embedding.
        hidden_channels: Width of the head's hidden layer.
    """
    kind = _HEADS.get(getattr(task, "subject", "pairs"), PairMLP)
    return kind(in_channels, hidden_channels, task.num_classes)
