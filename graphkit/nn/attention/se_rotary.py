r"""Rotary angles of time and space, for the position of a token in time and in the graph.

The idea that spatial relations enter as a further rotation of queries and keys, after that of time,
is from ST-LINK (Jeon et al., CIKM 2025, arXiv 2509.13753, abstract). The abstract does not define
the spatial angle; it is the choice of this project, after published spectral rotary encodings.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from graphkit.errors import GraphError
from graphkit.nn.attention.rotary import rotary_frequencies

__all__ = ["SERotary"]


class SERotary(nn.Module):
    r"""Joint angles of tokens that have a time and a node.

    .. math::
        \theta_{(t, n), i} = t\, \omega_i + g_i\, \phi_{n, i}, \qquad \phi_n = W_s b_n

    per head, where :math:`b_n` are coordinates of the node (:class:`SpatialBasis`). Plane rotations
    are additive, so this is the rotation by time followed by that by space. Scores between rotated
    queries and keys depend only on differences of time and of phase. The gates :math:`g` are
    initialised to zero, so that the module initially equals plain rotary embeddings.

    Args:
        head_channels: Number of channels of a head, :math:`d_h`; must be even.
        heads: Number of heads.
        phase_channels: Number of coordinates of a node; 0 for time only.
        base: Base of the time frequencies.
        split: Whether to rotate the first half of the pairs by time only, and the second half by
            space only.
        frequencies: Frequencies ``[d_h / 2]`` that replace those of ``base``; zeros disable the
            rotation by time.
        gain: Initial standard deviation, in radians, of the phase that an open gate (1) gives to
            coordinates of mean square 1. A large value requires only small changes of the gates.

    Shapes:
        - **input:** times :math:`(L)`, node coordinates :math:`(N, q)`, node of each token
          :math:`(L)` (by default token i has row i)
        - **output:** angles :math:`(heads, L, d_h / 2)`

    Example:
        >>> rotary = SERotary(16, heads=4, phase_channels=8)
        >>> rotary(torch.zeros(50), torch.randn(50, 8)).shape
        torch.Size([4, 50, 8])
    """

    def __init__(
        self,
        head_channels: int,
        heads: int,
        phase_channels: int = 0,
        *,
        base: float = 10_000.0,
        split: bool = False,
        frequencies: Tensor | None = None,
        gain: float = 4.0,
    ) -> None:
        super().__init__()
        omega = rotary_frequencies(head_channels, base) if frequencies is None else frequencies
        pairs = head_channels // 2
        if omega.shape != (pairs,):
            raise GraphError(
                "frequencies", "not one for each pair", expected=pairs, got=omega.shape
            )
        omega = omega.detach().clone().float()
        spatial = pairs - pairs // 2 if split else pairs  # number of pairs that rotate with space
        if split:
            omega[pairs - spatial :] = 0
        self.head_channels, self.heads, self.phase_channels = head_channels, heads, phase_channels
        self.split, self.gain = split, gain
        self.register_buffer("frequencies", omega)
        self.weight = self.gate = None
        if phase_channels:
            self.weight = nn.Parameter(torch.zeros(heads, spatial, phase_channels))
            self.gate = nn.Parameter(torch.zeros(heads, spatial))
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset :math:`W_s` to normal values of deviation gain :math:`/\\sqrt q`, gates to 0."""
        if self.weight is not None:
            nn.init.normal_(self.weight, std=self.gain / math.sqrt(self.phase_channels))
            nn.init.zeros_(self.gate)

    def phases(self, basis: Tensor) -> Tensor:
        """Gated spatial phases ``[heads, N, spatial pairs]`` in radians."""
        weight = self.weight * self.gate.unsqueeze(2)
        return torch.einsum("hpq,nq->hnp", weight, basis)

    def forward(
        self, time: Tensor, basis: Tensor | None = None, node: Tensor | None = None
    ) -> Tensor:
        angles = time.to(self.frequencies.dtype).unsqueeze(1) * self.frequencies
        if self.weight is None:
            return angles.expand(self.heads, -1, -1)
        if basis is None:
            raise GraphError("basis", "these angles need coordinates of the nodes")
        phases = self.phases(basis)
        if node is not None:
            phases = phases.index_select(1, node)
        if self.split:
            phases = nn.functional.pad(phases, (angles.shape[1] - phases.shape[2], 0))
        return angles + phases

    def extra_repr(self) -> str:
        return (
            f"{self.head_channels}, heads={self.heads}, phase_channels={self.phase_channels}, "
            f"split={self.split}"
        )
