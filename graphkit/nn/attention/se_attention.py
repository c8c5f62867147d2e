r"""Spatially enhanced attention: queries and keys are rotated by time and by space.

The module is named and motivated in the abstract of ST-LINK (Jeon et al., CIKM 2025,
arXiv 2509.13753); its angles are the interpretation of this project, see :class:`SERotary`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.nn.attention.head_projections import HeadProjections
from graphkit.nn.attention.rotary import rotate
from graphkit.nn.attention.se_rotary import SERotary

__all__ = ["SEAttention", "attention_weights", "rotary_attention"]


def rotary_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    angles: Tensor | None,
    mask: Tensor | None = None,
    *,
    dropout: float = 0.0,
    scale: float | None = None,
) -> Tensor:
    """Attention of rotated queries to rotated keys, computed by the fused kernels of torch.

    Args:
        q: Queries ``[B, heads, L, d_h]``.
        k: Keys with the shape of ``q``, or with fewer heads, each shared by several query heads.
        v: Values with the shape of ``k``.
        angles: Angles ``[heads, L, d_h / 2]``, or ``[L, d_h / 2]`` for all heads; ``None`` for no
            rotation.
        mask: True where a query attends to a key, bool ``[L, L]``.
        dropout: Dropout probability of the attention weights.
        scale: Factor of the scores; :math:`1/\\sqrt{d_h}` if ``None``.

    Returns:
        ``[B, heads, L, d_h]``.
    """
    q, k, v = _turned(q, k, v, angles)
    return F.scaled_dot_product_attention(q, k, v, mask, dropout_p=dropout, scale=scale)


def attention_weights(
    q: Tensor,
    k: Tensor,
    angles: Tensor | None,
    mask: Tensor | None = None,
    *,
    scale: float | None = None,
) -> Tensor:
    """The weights of :func:`rotary_attention`, ``[B, heads, L, L]``; slow, for inspection."""
    q, k, _ = _turned(q, k, k, angles)
    scores = (q @ k.transpose(2, 3)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1)


def _turned(
    q: Tensor, k: Tensor, v: Tensor, angles: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    if k.shape[1] != q.shape[1]:  # each key serves several heads of queries
        share = q.shape[1] // k.shape[1]
        k, v = (part.repeat_interleave(share, dim=1) for part in (k, v))
    if angles is None:
        return q, k, v
    cos, sin = angles.cos().to(q.dtype), angles.sin().to(q.dtype)
    return rotate(q, cos, sin), rotate(k, cos, sin), v


class SEAttention(HeadProjections):
    r"""Self-attention over tokens that have a time and a node.

    Args:
        in_channels: Number of input and output channels of a token.
        heads: Number of heads; ``in_channels / heads`` must be even.
        phase_channels: Number of coordinates of a node; 0 for rotation by time only.
        split: See :class:`SERotary`.
        base: See :class:`SERotary`.
        dropout: Dropout probability of the attention weights.
        bias: Whether projections have biases.

    Shapes:
        - **input:** tokens :math:`(B, L, C)`; times :math:`(L)`, 0 by default; coordinates of
          nodes :math:`(N, q)`; node of each token :math:`(L)`; mask :math:`(L, L)`, True where the
          token of the row attends to that of the column (:func:`token_mask`)
        - **output:** :math:`(B, L, C)`
    """

    def __init__(
        self,
        in_channels: int,
        heads: int = 4,
        phase_channels: int = 0,
        *,
        split: bool = False,
        base: float = 10_000.0,
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        common = 1.0 if phase_channels else 0.0
        super().__init__(in_channels, heads, dropout, bias=bias, common=common)
        self.rotary = SERotary(self.head_channels, heads, phase_channels, base=base, split=split)

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module."""
        super().reset_parameters()
        if hasattr(self, "rotary"):  # not yet, while the projections are made
            self.rotary.reset_parameters()

    def forward(
        self,
        x: Tensor,
        time: Tensor | None = None,
        basis: Tensor | None = None,
        node: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        time = torch.zeros(x.shape[1], device=x.device) if time is None else time
        dropout = self.dropout if self.training else 0.0
        heads = rotary_attention(
            *self.project(x), self.rotary(time, basis, node), mask, dropout=dropout
        )
        return self.merge(heads)
