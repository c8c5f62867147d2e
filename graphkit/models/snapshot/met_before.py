r"""MetBefore: a baseline of link prediction over snapshots that uses only earlier edges of a pair.

The counterpart for snapshots of EdgeBank (Poursafaei et al., NeurIPS 2022, arXiv 2207.10128): a
pair is predicted to have an edge if it had one before, with a learned weight for each number of
snapshots since then. Nodes have no embeddings. Other models should outperform this baseline.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.snapshot import OneByOne, SnapshotPredictor, as_snapshot
from graphkit.registry import register

__all__ = ["MetBefore"]


@register("model", "met_before", view="snapshot", tasks=("snapshot_link_prediction",))
class MetBefore(OneByOne):
    """Equal embeddings for all nodes; predicts links with a
    :class:`~graphkit.nn.snapshot.PairHistory` only.

    When to use:
        As a baseline for link prediction on snapshots: the score depends only on when a pair
        was linked before.

    Args:
        in_channels: Number of node features, which are not read.
        hidden_channels: Number of output channels.

    Shapes:
        - **input:** snapshots as for :class:`~graphkit.models.snapshot.EvolveGCNO`; state, ignored
        - **output:** zeros ``[n, hidden_channels]`` for the last snapshot (with ``outputs="all"``,
          a list for all snapshots), and the empty state
    """

    columns_ignored = ("edge_weight", "x", "node_events")

    def __init__(self, in_channels: int, hidden_channels: int = 1) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, hidden_channels

    @classmethod
    def from_task(
        cls, task: Any, *, classifier_channels: int = 1, pair_history: int | None = None
    ) -> SnapshotPredictor:
        """Create the model for link prediction; ``pair_history`` is by default the number of input
        snapshots.

        Raises:
            GraphError: The task is not link prediction, or ``pair_history`` is not positive or
                larger than the number of input snapshots.
        """
        steps = task.timeline.reach if pair_history is None else pair_history
        if steps < 1:
            raise GraphError("pair_history", "nothing is left", expected=">= 1", got=steps)
        return SnapshotPredictor.for_task(task, cls(task.in_channels), classifier_channels, steps)

    def reset_parameters(self) -> None:
        """Has no effect, because there are no parameters."""

    def embed(self, snapshot: Any) -> Tensor:
        """Return zeros, ``[n, hidden_channels]``."""
        coef = as_snapshot(snapshot).self_coef
        return torch.zeros(len(coef), self.out_channels, dtype=coef.dtype, device=coef.device)
