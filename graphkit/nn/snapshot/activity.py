"""How active nodes have been, as features where a graph has none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["fading_degrees"]


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
    if not isinstance(half_lives, Sequence) or not len(half_lives):
        raise GraphError("half_lives", "no times", expected="such as (0, 1, 3)", got=half_lives)
    if not all(isinstance(h, (int, float)) and h >= 0 for h in half_lives):
        raise GraphError("half_lives", "not times", expected="0 or more each", got=half_lives)
    if not resolution > 0:
        raise GraphError("resolution", "not a step", expected="> 0", got=resolution)
    if not len(degrees):
        raise GraphError("degrees", "there is no step", expected="at least one")
    like = {"dtype": torch.float64, "device": degrees[0].device}
    keep = torch.tensor([0.0 if h == 0 else 2 ** (-1 / h) for h in half_lives], **like)
    counts = [degree.double().view(len(degree), -1, 1) for degree in degrees]
    total = torch.zeros(*counts[0].shape[:2], len(half_lives), **like)
    seen = torch.zeros(len(total), 1, **like)
    features = []
    for count in counts:
        total = total * keep + count
        seen = torch.maximum(seen, (count > 0).any(dim=1).double())
        level = (torch.log2(1 + 16 * total) / 4 / resolution).round() * resolution
        features.append(torch.cat([level.flatten(1), seen], dim=1).float())
    return features
