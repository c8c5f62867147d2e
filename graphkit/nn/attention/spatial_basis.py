r"""Coordinates of nodes for spatial phases: from the graph, from correlations, or learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.spectral import fix_signs

__all__ = ["SpatialBasis"]


class SpatialBasis(nn.Module):
    r"""Node coordinates :math:`[U_n ; E_n]`: fixed vectors concatenated with a learned table.

    The sign of an eigenvector is arbitrary. By default it is fixed; with ``flip_signs`` signs are
    drawn at random in each training call, so that the following layers cannot depend on them. This
    has no benefit on a single fixed graph.

    Args:
        num_nodes: Number of nodes, N.
        fixed: Fixed coordinates ``[N, q]``, such as those of
            :func:`~graphkit.nn.spectral.laplacian.laplacian_basis`, or ``None``.
        learned_channels: Number of columns of the learned table, which is initialised to normal
            values with standard deviation 0.02.
        flip_signs: Whether to flip the signs of the fixed columns at random in training.

    Shapes:
        - **output:** coordinates :math:`(N, q + q')`
    """

    def __init__(
        self,
        num_nodes: int,
        fixed: Tensor | None = None,
        *,
        learned_channels: int = 0,
        flip_signs: bool = False,
    ) -> None:
        super().__init__()
        if fixed is not None and (fixed.dim() != 2 or fixed.shape[0] != num_nodes):
            raise GraphError(
                "fixed", "not one row per node", expected=f"[{num_nodes}, q]", got=list(fixed.shape)
            )
        dtype = torch.get_default_dtype()
        fixed = torch.zeros(num_nodes, 0) if fixed is None else fix_signs(fixed.to(dtype))
        self.num_nodes = num_nodes
        self.flip_signs = flip_signs
        self.register_buffer("fixed", fixed)
        self.learned = None
        if learned_channels:
            self.learned = nn.Parameter(torch.zeros(num_nodes, learned_channels))
            self.reset_parameters()

    @property
    def out_channels(self) -> int:
        """Number of coordinates of a node."""
        return self.fixed.shape[1] + (0 if self.learned is None else self.learned.shape[1])

    def reset_parameters(self) -> None:
        """Reset the learned table."""
        if self.learned is not None:
            nn.init.normal_(self.learned, std=0.02)

    def forward(self) -> Tensor:
        fixed = self.fixed
        if self.training and self.flip_signs:
            coin = torch.rand(fixed.shape[1], device=fixed.device) < 0.5
            fixed = torch.where(coin, -fixed, fixed)
        return fixed if self.learned is None else torch.cat([fixed, self.learned], dim=1)

    def extra_repr(self) -> str:
        return f"{self.num_nodes}, {self.out_channels}, flip_signs={self.flip_signs}"
