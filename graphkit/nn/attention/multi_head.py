r"""Multi-head attention with a bias before and a factor after the softmax.

.. math::
    \mathrm{out} = W_o \left[ \left( \mathrm{softmax}(Q K^\top / \sqrt{d} + B) \odot C
    \right) V \right]_{\text{heads}}

Keys and values are an argument, so that callers can cache or extend them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.errors import GraphError

__all__ = ["MultiHeadAttention", "see_something"]


class MultiHeadAttention(nn.Module):
    r"""Multi-head attention over given keys and values.

    Args:
        channels: Number of input and output channels.
        heads: Number of heads; must divide ``channels``.
        dropout: Dropout probability of the attention weights, applied after C.

    Shapes:
        - **input:** x ``[B, L, channels]``; key and value ``[B, S, channels]`` from
          :meth:`keys_values`; visible bool, broadcast to ``[B, L, S]``, or ``None`` (each query
          needs at least one key: :func:`see_something`); bias B and factor C, broadcast to
          ``[B, heads, L, S]``, or ``None``.
        - **output:** ``[B, L, channels]``.

    Raises:
        GraphError: ``heads`` does not divide ``channels``.
    """

    def __init__(self, channels: int, heads: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            raise GraphError("heads", f"it must divide the {channels} channels", got=heads)
        self.channels, self.heads, self.dropout = channels, heads, dropout
        self.lin_query = nn.Linear(channels, channels)
        self.lin_key = nn.Linear(channels, channels)
        self.lin_value = nn.Linear(channels, channels)
        self.lin_out = nn.Linear(channels, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset all parameters: Xavier-uniform weights and zero biases."""
        for lin in (self.lin_query, self.lin_key, self.lin_value, self.lin_out):
            nn.init.xavier_uniform_(lin.weight)
            nn.init.zeros_(lin.bias)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Project ``[B, S, channels]`` to keys and values of the same shape."""
        return self.lin_key(x), self.lin_value(x)

    def forward(
        self,
        x: Tensor,
        key: Tensor,
        value: Tensor,
        visible: Tensor | None = None,
        bias: Tensor | None = None,
        factor: Tensor | None = None,
    ) -> Tensor:
        q, k, v = (self._split(part) for part in (self.lin_query(x), key, value))
        dropout = self.dropout if self.training else 0.0
        if visible is not None:
            visible = visible.unsqueeze(-3)
        if factor is None:
            if bias is None:
                added = visible
            else:
                added = bias if visible is None else bias.masked_fill(~visible, -math.inf)
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=added, dropout_p=dropout)
        else:
            score = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
            if bias is not None:
                score = score + bias
            if visible is not None:
                score = score.masked_fill(~visible, -math.inf)
            weight = torch.softmax(score, -1, dtype=_wide(score.dtype)).to(v.dtype) * factor
            out = F.dropout(weight, dropout) @ v
        return self.lin_out(out.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def extra_repr(self) -> str:
        return f"{self.channels}, heads={self.heads}, dropout={self.dropout}"


def see_something(visible: Tensor) -> Tensor:
    """Mask ``visible [..., L, S]`` in which queries without keys attend to all keys. This avoids
    NaN; the outputs of such queries are not used."""
    return visible | ~visible.any(-1, keepdim=True)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32
