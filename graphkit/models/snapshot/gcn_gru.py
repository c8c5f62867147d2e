r"""GCN-GRU: graph convolutions per snapshot, followed by a recurrent state per node.

.. math::
    Z_t = \mathrm{GCN}(A_t, X_t), \qquad h_{t,v} = \mathrm{GRU}(Z_{t,v}, h_{t-1,v})

The baseline GCN-GRU of EvolveGCN (Pareja et al., AAAI 2020, arXiv 1902.10191, section 4.2; there
after Seo et al. 2016 with one GCN for all snapshots). Its state has one row per node, so nodes must
be identified over time, which EvolveGCN does not require.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.snapshot import (
    FLOWS,
    Snapshot,
    SnapshotPredictor,
    as_snapshot,
    check_flow,
    graph_convolution,
)
from graphkit.nn.snapshot.columns import uniform_by_columns
from graphkit.registry import register

__all__ = ["GCNGRU"]

_AT_ONCE = 1024  # steps of idle nodes that the recurrence processes in one call


@register(
    "model",
    "gcn_gru",
    view="snapshot",
    tasks=("snapshot_link_prediction", "edge_classification", "snapshot_node_classification"),
)
class GCNGRU(nn.Module):
    """GCN layers, followed by a GRU over time for every node.

    When to use:
        As a baseline for snapshots with a fixed set of nodes: each node has a recurrent state.

    Args:
        in_channels: Number of node features; for one-hot degrees, the number of degrees.
        hidden_channels: Number of output channels of every layer and size of the GRU state.
        num_layers: Number of graph convolutions.
        num_gru_layers: Number of layers of the GRU.
        flow: As for :class:`~graphkit.models.snapshot.EvolveGCNO`.

    Shapes:
        - **input:** snapshots as for :class:`~graphkit.models.snapshot.EvolveGCNO`, all with the
          same node set; state ``(h,)`` with h ``[num_gru_layers, N, hidden_channels]``
        - **output:** ``[N, hidden_channels]`` of the last snapshot (with ``outputs="all"``, a list
          for all snapshots), and the state
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        num_gru_layers: int = 1,
        flow: str = FLOWS[0],
    ) -> None:
        super().__init__()
        self.flow = check_flow(flow)
        self.in_channels, self.out_channels = in_channels, hidden_channels
        widths = [in_channels] + [hidden_channels] * num_layers
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(a, b)) for a, b in itertools.pairwise(widths)
        )
        self.gru = nn.GRU(hidden_channels, hidden_channels, num_gru_layers)
        for weight in self.weights:
            uniform_by_columns(weight)

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
        self.gru.reset_parameters()

    def start(self, num_nodes: int) -> tuple[Tensor]:
        """Return the state before the first snapshot, which is zero."""
        like = self.weights[0]
        return (like.new_zeros(self.gru.num_layers, num_nodes, self.out_channels),)

    def idle(self, x: Tensor, steps: int) -> tuple[Tensor]:
        """Return the state of nodes without edges so far, which receive no messages.

        Args:
            x: Features of the nodes, equal in every step, as in
                :class:`~graphkit.nn.snapshot.Snapshot`.
            steps: Number of steps so far.
        """
        (h,) = self.start(len(x))
        nothing = torch.zeros(2, 0, dtype=torch.int64, device=x.device)
        alone = as_snapshot(SimpleNamespace(x=x, edge_index=nothing), self.flow)
        seen = self._convolve(alone, None)
        for begin in range(0, steps, _AT_ONCE):
            size = min(_AT_ONCE, steps - begin)
            _, h = self.gru(seen.expand(size, *seen.shape), h)
        return (h,)

    def forward(
        self, snapshots: Sequence[Any], state: Any = None, outputs: str = "last"
    ) -> tuple[Any, tuple[Tensor]]:
        """See the docstring of the class."""
        if not len(snapshots):
            raise GraphError("snapshots", "there is none", expected="at least one snapshot")
        snapshots = [as_snapshot(s, self.flow) for s in snapshots]
        told, owner = (None, None) if state is not None else _told_apart(snapshots)
        seen = torch.stack([self._convolve(s, told) for s in snapshots])
        (first,) = self.start(seen.shape[1]) if state is None else state
        if first.shape[1] != seen.shape[1]:
            raise GraphError(
                "snapshots",
                "a state per node needs the same nodes at every step",
                expected=f"{first.shape[1]} nodes",
                got=seen.shape[1],
            )
        out, last = self.gru(seen, first)
        if owner is not None:
            last = last.index_select(1, owner)
            out = (out[-1:] if outputs == "last" else out).index_select(1, owner)
        return (out[-1] if outputs == "last" else list(out)), (last,)

    def _convolve(self, snapshot: Snapshot, nodes: Tensor | None) -> Tensor:
        """Compute the embeddings of the given nodes, ``[M, C]``, or of all nodes."""
        h = snapshot.x
        for weight in self.weights:
            h = torch.relu(graph_convolution(snapshot, h, weight))
        rows = snapshot.position
        if nodes is not None:
            rows = nodes if rows is None else rows[nodes]
        return h if rows is None else h.index_select(0, rows)


def _told_apart(snapshots: list[Snapshot]) -> tuple[Tensor | None, Tensor | None]:
    """Return distinct nodes, int64 ``[M]``, and the equivalent one for each node, int64 ``[N]``.

    Nodes that share a row in every snapshot have equal inputs and therefore equal states. Both are
    ``None`` if the snapshots have a row for every node.
    """
    if all(s.position is None for s in snapshots):
        return None, None
    if len({s.num_nodes for s in snapshots}) > 1:
        return None, None  # an error, which the caller raises
    owner = torch.zeros_like(snapshots[-1].rows())
    for s in snapshots:  # nodes that were equal so far and share the next row
        _, owner = (owner * s.num_rows + s.rows()).unique(return_inverse=True)
    count = int(owner.max()) + 1
    every = torch.arange(owner.numel(), device=owner.device)
    nodes = torch.full_like(every[:count], owner.numel()).scatter_reduce(0, owner, every, "amin")
    return nodes, owner
