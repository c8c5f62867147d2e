r"""Pairs that have met, and nothing else: the yardstick of link prediction over snapshots.

What EdgeBank (Poursafaei et al., NeurIPS 2022, arXiv 2207.10128) is to streams: a pair comes back
if it has met before, here the more likely the later that was, with a learned weight for every
number of snapshots ago. Nodes have no embeddings. A model that does not beat it has learnt nothing
that matters.
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
    """All nodes alike: with a :class:`~graphkit.nn.snapshot.PairHistory`, pairs that have met.

    When to use:
        As a baseline for link prediction on snapshots: the score depends only on when a pair
        was linked before.

    Args:
        in_channels: Size of each node's features, which are not read.
        hidden_channels: Size of the output.

    Shapes:
        - **input:** snapshots as for :class:`~graphkit.models.snapshot.EvolveGCNO`; state, ignored
        - **output:** zeros ``[n, hidden_channels]`` for the last snapshot (with ``outputs="all"`` a
          list for all), and the empty state
    """

    def __init__(self, in_channels: int, hidden_channels: int = 1) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, hidden_channels

    @classmethod
    def from_task(
        cls, task: Any, *, classifier_channels: int = 1, pair_history: int | None = None
    ) -> SnapshotPredictor:
        """The model for a link prediction; looks back at all snapshots shown unless told else.

        Raises:
            GraphError: Another task, or ``pair_history`` is not positive or more than is shown.
        """
        steps = task.timeline.reach if pair_history is None else pair_history
        if steps < 1:
            raise GraphError("pair_history", "nothing is left", expected=">= 1", got=steps)
        return SnapshotPredictor.for_task(task, cls(task.in_channels), classifier_channels, steps)

    def reset_parameters(self) -> None:
        """There are none."""

    def embed(self, snapshot: Any) -> Tensor:
        """Zeros, ``[n, hidden_channels]``."""
        coef = as_snapshot(snapshot).self_coef
        return torch.zeros(len(coef), self.out_channels, dtype=coef.dtype, device=coef.device)
