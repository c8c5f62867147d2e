"""How active nodes have been, as features where a graph has none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError

__all__ = ["FadingDegrees", "fading_degrees"]


def fading_degrees(
    degrees: Sequence[Tensor], half_lives: Sequence[float], resolution: float = 0.25
) -> list[Tensor]:
    r"""Degrees that fade with time, on a logarithmic scale and in steps.

    .. math::
        a_t = d_t + 2^{-1/h} a_{t-1}, \qquad x_t = \log_2(1 + 16\, a_t) / 4

    for each kind of degree and half-life :math:`h`, the last column telling whether a node had a
    degree so far. Values are rounded to multiples of ``resolution``, so that many idle nodes are
    alike and share a row.

    Args:
        degrees: Of the nodes in each step, ``[N]`` (or ``[N, D]``, of D kinds) each, oldest first,
            all on one device.
        half_lives: In steps; 0 keeps the degree of the step alone.
        resolution: Of the features.

    Returns:
        Float features ``[N, D * len(half_lives) + 1]`` of every step, from it and earlier ones
        only: of each kind all half-lives, then of the next.

    Raises:
        GraphError: There is no step; there is no half-life, or one is negative; ``resolution`` is
            not positive.
    """
    if not len(degrees):
        raise GraphError("degrees", "there is no step", expected="at least one")
    first = degrees[0].view(len(degrees[0]), -1)
    fading = FadingDegrees(*first.shape, half_lives, resolution).to(first.device)
    return [fading(degree) for degree in degrees]


class FadingDegrees(nn.Module):
    """The features of :func:`fading_degrees` step by step; what has been lies in buffers.

    Args:
        num_nodes: Number of nodes, N.
        kinds: D, kinds of degrees.
        half_lives: In steps; 0 keeps the degree of the step alone.
        resolution: Of the features.

    Shapes:
        - **input:** degrees of a step :math:`(N)` or :math:`(N, D)`
        - **output:** features :math:`(N, D H + 1)` for H half-lives

    Raises:
        GraphError: There is no half-life, or one is negative; ``resolution`` is not positive.
    """

    def __init__(
        self, num_nodes: int, kinds: int, half_lives: Sequence[float], resolution: float = 0.25
    ) -> None:
        super().__init__()
        if not isinstance(half_lives, Sequence) or not len(half_lives):
            raise GraphError("half_lives", "no times", expected="such as (0, 1, 3)", got=half_lives)
        if not all(isinstance(h, (int, float)) and h >= 0 for h in half_lives):
            raise GraphError("half_lives", "not times", expected="0 or more each", got=half_lives)
        if not resolution > 0:
            raise GraphError("resolution", "not a step", expected="> 0", got=resolution)
        self.half_lives, self.resolution = tuple(half_lives), resolution
        self.out_channels = kinds * len(half_lives) + 1
        total = torch.zeros(num_nodes, kinds, len(half_lives), dtype=torch.float64)
        self.register_buffer("total", total)
        self.register_buffer("seen", torch.zeros(num_nodes, 1, dtype=torch.float64))

    def reset_state(self) -> None:
        """Go back to before the first step."""
        self.total.zero_()
        self.seen.zero_()

    def grow(self, num_nodes: int) -> None:
        """Take in new nodes, which have had no degree so far, with the next ids."""
        new = num_nodes - len(self.total)
        self.total = torch.cat([self.total, self.total.new_zeros(new, *self.total.shape[1:])])
        self.seen = torch.cat([self.seen, self.seen.new_zeros(new, 1)])

    def forward(self, degree: Tensor) -> Tensor:
        """The features of a step; the state moves past it."""
        keep = [0.0 if h == 0 else 2 ** (-1 / h) for h in self.half_lives]
        count = degree.double().view(len(degree), -1, 1)
        self.total = self.total * self.total.new_tensor(keep) + count
        self.seen = torch.maximum(self.seen, (count > 0).any(dim=1).double())
        level = (torch.log2(1 + 16 * self.total) / 4 / self.resolution).round() * self.resolution
        return torch.cat([level.flatten(1), self.seen], dim=1).float()

    def extra_repr(self) -> str:
        return f"half_lives={self.half_lives}"
