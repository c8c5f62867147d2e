r"""GCN on the last snapshot: the baseline without time.

.. math:: H^{(l+1)} = \sigma\big(\hat{A}_t H^{(l)} W^{(l)}\big)

Kipf and Welling: "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017,
arXiv 1609.02907, used as the baseline GCN of EvolveGCN (arXiv 1902.10191, section 4.2): one model
for all snapshots, with the same features and classifier.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.nn.snapshot import (
    FLOWS,
    OneByOne,
    SnapshotPredictor,
    as_snapshot,
    check_flow,
    graph_convolution,
)
from graphkit.nn.snapshot.columns import uniform_by_columns
from graphkit.registry import register

__all__ = ["SnapshotGCN"]


@register(
    "model",
    "gcn_snapshot",
    view="snapshot",
    tasks=("snapshot_link_prediction", "edge_classification", "snapshot_node_classification"),
)
class SnapshotGCN(OneByOne):
    """GCN on each snapshot independently of earlier snapshots.

    When to use:
        As a baseline for snapshots: only the last snapshot is used. `pair_history` adds the
        times at which a pair was linked before.

    Args:
        in_channels: Number of node features; for one-hot degrees, the number of degrees.
        hidden_channels: Number of output channels of every layer.
        num_layers: Number of layers.
        activate_last: Whether to apply the activation to the last layer too, as the code of
            EvolveGCN does.
        flow: As for :class:`~graphkit.models.snapshot.EvolveGCNO`.

    Shapes:
        - **input:** snapshots as for :class:`~graphkit.models.snapshot.EvolveGCNO`; state, ignored
        - **output:** ``[n, hidden_channels]`` of the last snapshot (with ``outputs="all"``, a list
          for all snapshots), and the empty state
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        activate_last: bool = True,
        flow: str = FLOWS[0],
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, hidden_channels
        self.activate_last = activate_last
        self.flow = check_flow(flow)
        widths = [in_channels] + [hidden_channels] * num_layers
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(a, b)) for a, b in itertools.pairwise(widths)
        )
        self.reset_parameters()

    @classmethod
    def from_task(
        cls, task: Any, *, classifier_channels: int = 100, pair_history: int = 0, **settings: Any
    ) -> SnapshotPredictor:
        """Create the model with a classifier; see :meth:`EvolveGCNO.from_task`."""
        known = {"hidden_channels": 100, "flow": task.timeline.flow}
        encoder = cls(task.in_channels, **{**known, **settings})
        return SnapshotPredictor.for_task(task, encoder, classifier_channels, pair_history)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters."""
        for weight in self.weights:
            uniform_by_columns(weight)

    def embed(self, snapshot: Any) -> Tensor:
        """Compute the embeddings of the nodes of a snapshot, ``[n, hidden_channels]``."""
        snapshot = as_snapshot(snapshot, self.flow)
        h = snapshot.x
        for index, weight in enumerate(self.weights):
            h = graph_convolution(snapshot, h, weight)
            if self.activate_last or index < len(self.weights) - 1:
                h = torch.relu(h)
        return h
