r"""Rotary position embeddings: vectors turned by angles that grow with position.

Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", Neurocomputing 2024,
arXiv 2104.09864.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["rotary_frequencies", "rotate"]


def rotary_frequencies(head_channels: int, base: float = 10_000.0) -> Tensor:
    r"""The angle per step of each pair of channels, :math:`\omega_i = \text{base}^{-2i/d_h}`.

    Args:
        head_channels: Number of channels of a head, :math:`d_h`; must be even.
        base: Base of the geometric series.

    Returns:
        float32 ``[d_h / 2]``, from 1 down.

    Raises:
        GraphError: ``head_channels`` is odd or not positive.
    """
    if head_channels < 2 or head_channels % 2:
        raise GraphError(
            "head_channels",
            "channels cannot be paired",
            expected="an even number",
            got=head_channels,
            fix="Choose channels that are an even multiple of heads.",
        )
    return 1.0 / base ** (torch.arange(0, head_channels, 2).float() / head_channels)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    r"""Rotate each pair of channels by its angle.

    Channel i is paired with channel :math:`i + d_h/2`, as in LLaMA; the pairs (2i, 2i + 1) of the
    paper are equivalent up to the order of channels.

    Args:
        x: Queries or keys, ``[..., d_h]``.
        cos: Cosines of the angles, ``[..., d_h / 2]``, broadcast.
        sin: Sines of the angles, with the shape of ``cos``.
    """
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)
