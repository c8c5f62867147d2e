"""Projections of tokens to queries, keys and values, and of heads back to tokens."""

from __future__ import annotations

from torch import Tensor, nn

from graphkit.errors import GraphError

__all__ = ["HeadProjections"]


class HeadProjections(nn.Module):
    """Linear maps to queries, keys and values, and back.

    Args:
        in_channels: Number of input and output channels of a token.
        heads: Number of heads; must divide ``in_channels``.
        dropout: Dropout probability of the attention weights.
        bias: Whether the maps have biases.
        common: Initial value of the biases of queries and keys. All tokens share this component.
            Without rotation it changes no attention weight; with rotation it favours tokens with
            similar angles.
    """

    def __init__(
        self,
        in_channels: int,
        heads: int,
        dropout: float = 0.0,
        *,
        bias: bool = True,
        common: float = 0.0,
    ) -> None:
        super().__init__()
        if heads < 1 or in_channels % heads:
            raise GraphError(
                "heads", "they do not divide the channels", expected=in_channels, got=heads
            )
        self.in_channels, self.heads, self.head_channels = in_channels, heads, in_channels // heads
        self.scale, self.dropout = self.head_channels**-0.5, dropout
        self.common = common if bias else 0.0
        self.qkv = nn.Linear(in_channels, 3 * in_channels, bias=bias)
        self.out = nn.Linear(in_channels, in_channels, bias=bias)
        self.reset_parameters()

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each ``[B, heads, L, d_h]``."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return qkv[0], qkv[1], qkv[2]

    def merge(self, heads: Tensor) -> Tensor:
        """``[B, heads, L, d_h]`` to tokens ``[B, L, C]``."""
        return self.out(heads.transpose(1, 2).flatten(2))

    def reset_parameters(self) -> None:
        """Reset all learnable parameters of the module."""
        self.qkv.reset_parameters()
        self.out.reset_parameters()
        if self.common:
            nn.init.constant_(self.qkv.bias[: 2 * self.in_channels], self.common)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, heads={self.heads}"
