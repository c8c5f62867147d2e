"""Exponentially decaying sums per node."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.nn.stream.node_tables import NodeTables

__all__ = ["FadingTable"]


class FadingTable(NodeTables):
    r"""Exponentially decaying sums per node, with half lives in events of the stream.

    .. math:: x_i(n) = \sum_{k \le n} 2^{-(n - n_k) / h} \, \delta_{ik}

    where :math:`\delta_{ik}` was added to node :math:`i` at event number :math:`n_k` and :math:`h`
    is the half life of the row. Nodes without events need no update: a row is stored as of the last
    event of its node, and the decay since then is applied when the row is read.

    Args:
        num_nodes: Number of nodes :math:`N`.
        half_lives: Half lives of the rows, in events; ``inf`` disables the decay.
        channels: Number of channels per row.

    State per node: ``4 * len(half_lives) * channels + 8`` bytes.
    """

    value: Tensor
    stamp: Tensor
    rate: Tensor

    def __init__(self, num_nodes: int, half_lives: Sequence[float], channels: int) -> None:
        super().__init__(num_nodes)
        for half_life in half_lives:
            if not half_life > 0:
                raise GraphError("half_lives", "is out of range", expected="> 0", got=half_life)
        self.half_lives = tuple(float(half_life) for half_life in half_lives)
        rate = torch.tensor([1 / half_life for half_life in self.half_lives])
        self.register_buffer("rate", rate.unsqueeze(1), persistent=False)
        self.add_table("value", len(self.half_lives), channels)
        self.add_table("stamp", dtype=torch.int64)

    def reset_state(self) -> None:
        """Reset all sums to zero."""
        self.reset_tables()

    def forward(self, nodes: Tensor, now: Tensor) -> Tensor:
        """``[Q, H, C]``: the sums of ``nodes [Q]`` at event number ``now`` (0-dim or ``[Q]``)."""
        elapsed = (now - self.stamp[nodes]).to(self.value.dtype)
        return self.value[nodes] * torch.exp2(-self.rate * elapsed[:, None, None])

    @torch.no_grad()
    def write(self, nodes: Tensor, value: Tensor, now: Tensor) -> None:
        """Set the sums of distinct ``nodes [U]`` to ``value [U, H, C]``, as of ``now``."""
        self.value[nodes] = value.to(self.value.dtype)
        self.stamp[nodes] = now

    def extra_repr(self) -> str:
        return (
            f"{self.value.shape[0]}, half_lives={self.half_lives}, channels={self.value.shape[2]}"
        )
