"""A small matrix for every region, applied to all of them at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphkit.nn.norm.max_norm import MaxNorm

__all__ = ["BlockDiagonal"]


class BlockDiagonal(nn.Module):
    r"""Mixes the nodes of each region by a matrix of its own, as one block-diagonal matrix.

    The weights lie in one flat parameter, region after region, each row by row (rows: where a
    signal comes from, columns: where it goes), so nothing is stored for pairs of different regions.
    A parameter with leading axes holds several layers side by side; the result has the same axes.

    Args:
        partition: For each region the indices of its nodes.
        max_norm: Longest norm of what goes into a node, ``None`` for no limit.
        entries: Bound every weight instead of every vector.

    Shapes:
        - **input:** ``[..., N]``
        - **output:** ``[..., N]``
    """

    def __init__(
        self,
        partition: Sequence[Sequence[int]],
        *,
        max_norm: float | None = None,
        entries: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = tuple(len(part) for part in partition)
        self.num_nodes = sum(self.sizes)
        count = sum(n * n for n in self.sizes)
        index = torch.full((self.num_nodes, self.num_nodes), count)  # the zero behind the weights
        column = torch.zeros(count, dtype=torch.int64)
        first = 0
        for part in partition:
            nodes, n = torch.tensor(list(part)), len(part)
            index[nodes.unsqueeze(1), nodes] = torch.arange(first, first + n * n).view(n, n)
            column[first : first + n * n] = nodes.repeat(n)
            first += n * n
        self.weight = nn.Parameter(torch.zeros(count))
        self.register_buffer("index", index.reshape(-1), persistent=False)
        self.max_norm = None
        if max_norm is not None:
            options = {"dim": ()} if entries else {"groups": column}
            self.max_norm = MaxNorm(max_norm, **options)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot-uniform for every region."""
        with torch.no_grad():
            blocks = self.weight.split([n * n for n in self.sizes], dim=-1)
            for n, block in zip(self.sizes, blocks):
                block.uniform_(-math.sqrt(3 / n), math.sqrt(3 / n))

    def matrix(self) -> Tensor:
        """The whole matrix, ``[..., N, N]``: rows from, columns to."""
        weight = self.weight if self.max_norm is None else self.max_norm(self.weight)
        flat = F.pad(weight, (0, 1)).index_select(-1, self.index)
        return flat.unflatten(-1, (self.num_nodes, self.num_nodes))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.matrix()

    def extra_repr(self) -> str:
        return f"sizes={self.sizes}"
