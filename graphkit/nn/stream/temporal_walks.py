r"""Random projections of temporal walk matrices, which count walks between nodes by age.

Lu, Sun, Zhu and Li, "Improving Temporal Link Prediction via Temporal Walk Matrix Projection",
NeurIPS 2024, arXiv 2410.04013 (TPNet).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.stream.fading_table import FadingTable
from graphkit.nn.stream.node_tables import NodeTables
from graphkit.nn.stream.table_rows import grow_rows
from graphkit.ops.counter_rng import hash64

__all__ = ["TemporalWalks"]


class TemporalWalks(NodeTables):
    r"""Node codes whose inner products count the temporal walks between two nodes.

    A temporal walk leads from a node back in time from event to event. With a weight of
    :math:`2^{-\mathrm{age} / h}` per event, :math:`A^{(k)}_{uv}` is the sum over the walks of
    :math:`k` events from :math:`u` to :math:`v`. The matrix is not materialised: every node has a
    random code :math:`r_v \in \{\pm 1 / \sqrt d\}^d` and stores
    :math:`p^{(k)}_u = \sum_v A^{(k)}_{uv} r_v`, which an event :math:`(u, v)` updates by

    .. math::
        p^{(k)}_u \leftarrow p^{(k)}_u + p^{(k-1)}_v, \qquad
        p^{(k)}_v \leftarrow p^{(k)}_v + p^{(k-1)}_u, \qquad p^{(0)}_u = r_u.

    Then :math:`\langle p^{(k)}_u, p^{(l)}_v \rangle \approx \sum_w A^{(k)}_{uw} A^{(l)}_{vw}`, up
    to noise of the size of the norms of the two vectors over :math:`\sqrt d`. For example,
    :math:`(0, 1)` indicates whether the nodes have common events, and :math:`(1, 1)` counts common
    neighbours.

    Departures from the paper: ages are counted in events of the stream; several half lives are used
    at once; codes are signs from a hash of node and seed, the same on every device. As in the
    paper, all events of a batch read the state before the batch.

    Args:
        num_nodes: Number of nodes.
        channels: Number of channels :math:`d` of the codes.
        num_hops: Maximum number of events of a walk.
        half_lives: Half lives in events of the stream.
        seed: Seed of the random codes.

    Shapes:
        - **input:** nodes :math:`(Q)`, event number of the query
        - **output:** :math:`(Q, 1 + hops \cdot half\ lives, d)`

    State per node: ``4 * hops * half_lives * channels + 8`` bytes; ``4 * channels`` for the code.
    """

    code: Tensor

    def __init__(
        self,
        num_nodes: int,
        channels: int = 128,
        num_hops: int = 2,
        half_lives: Sequence[float] = (1_000.0, 10_000.0),
        seed: int = 0,
    ) -> None:
        super().__init__(num_nodes)
        for name, size in (("channels", channels), ("num_hops", num_hops)):
            if size < 1:
                raise GraphError(name, "is too small", expected=">= 1", got=size)
        if not half_lives:
            raise GraphError("half_lives", "there is none", expected="at least one, in events")
        self.channels, self.num_hops, self.seed = channels, num_hops, seed
        # Walks of k events decay k times as fast. Rows: all hops of the first half life, then ...
        fading = [half_life / hop for half_life in half_lives for hop in range(1, num_hops + 1)]
        self.table = FadingTable(num_nodes, fading, channels)
        code = self._codes(torch.arange(num_nodes)).to(self.table.value.dtype)
        self.register_buffer("code", code, persistent=False)

    def _codes(self, nodes: Tensor) -> Tensor:
        """Codes ``[Q, channels]``; they depend on node id and seed only, not on ``num_nodes``."""
        channel = torch.arange(self.channels, device=nodes.device)
        sign = hash64(self.seed, nodes.unsqueeze(1), channel) >> 63  # 0 or -1
        return (sign * 2 + 1).to(torch.get_default_dtype()) / math.sqrt(self.channels)

    def _resize(self, num_nodes: int) -> None:
        held = self.num_nodes
        super()._resize(num_nodes)
        self.code = grow_rows(self.code, num_nodes)
        self.code[held:] = self._codes(torch.arange(held, num_nodes, device=self.code.device))

    @property
    def num_rows(self) -> int:
        """Number of rows per node: its own code, followed by those of its walks."""
        return 1 + len(self.table.half_lives)

    def reset_state(self) -> None:
        """Reset the state by removing all events."""
        self.table.reset_state()

    def forward(self, nodes: Tensor, now: Tensor) -> Tensor:
        """Codes and walk sums of ``nodes [Q]`` at event number ``now``."""
        return torch.cat([self.code[nodes].unsqueeze(1), self.table(nodes, now)], dim=1)

    @torch.no_grad()
    def insert(self, src: Tensor, dst: Tensor, now: Tensor) -> None:
        """Write a batch of events, all at event number ``now``."""
        nodes, row = torch.unique(torch.stack([src, dst]), return_inverse=True)
        rows = self(nodes, now)
        code, walks = rows[:, :1], rows[:, 1:].unflatten(1, (-1, self.num_hops))
        shorter = torch.cat([code.unsqueeze(1).expand(-1, walks.size(1), -1, -1), walks], dim=2)
        given = shorter[:, :, :-1].flatten(1)
        added = torch.zeros_like(given)
        added.index_add_(0, row[0], given[row[1]])
        other = src != dst
        added.index_add_(0, row[1][other], given[row[0][other]])
        self.table.write(nodes, rows[:, 1:] + added.view_as(rows[:, 1:]), now)

    def extra_repr(self) -> str:
        return f"channels={self.channels}, num_hops={self.num_hops}"
