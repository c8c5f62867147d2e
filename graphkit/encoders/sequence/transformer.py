r"""A plain pre-norm Transformer, causal or not, with an option of patches.

Vaswani et al., arXiv 1706.03762, norms before the layers (Xiong et al., arXiv 2002.04745):

.. math:: h \leftarrow h + \mathrm{attention}(\mathrm{norm}(h)), \qquad
    h \leftarrow h + \mathrm{FFN}(\mathrm{norm}(h))

with sinusoidal codes of the numbers of the *valid* positions. Patches as in DyGFormer (Yu et al.,
arXiv 2303.13047): P neighbouring positions are one token, so attention costs :math:`(L / P)^2`.

Our choices: patches are counted from the end of the valid positions, so that the latest event
always closes a patch and padding does not matter; all positions of a patch get its output.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from graphkit.checks import check_count
from graphkit.encoders.sequence.blocks import BlockStack
from graphkit.encoders.sequence.masks import align_end
from graphkit.encoders.sequence.position_code import PositionCode
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.stack import FeedForward, linear_if_needed
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["SelfAttention", "Transformer"]


class CacheState(State):
    """Keys and values of all positions so far; grows."""

    key: Tensor  # [B, heads, n, d]
    value: Tensor  # [B, heads, n, d]
    valid: Tensor  # bool [B, n]


class SelfAttention(SequenceEncoder):
    r"""Multi-head softmax attention over a sequence, exact, in one kernel.

    Steps keep the keys and values of all positions: the state grows, and invalid positions take
    room in it.

    Args:
        in_channels: Size of input and output; a multiple of ``heads``.
        heads: Heads.
        causal: A position attends to itself and to earlier ones only.
        dropout: Of attention weights.

    Parameters: ``4 * in_channels * (in_channels + 1)``
    """

    state_is_constant = False

    def __init__(
        self, in_channels: int, *, heads: int = 4, causal: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__(in_channels)
        self.heads, self.causal, self.dropout = check_count(heads, "heads"), bool(causal), dropout
        if in_channels % heads:
            raise GraphError(
                "heads", "the channels do not divide", expected=f"a divisor of {in_channels}"
            )
        self.forms = frozenset({"parallel", "recurrent"} if causal else {"parallel"})
        self.project = nn.Linear(in_channels, 3 * in_channels)
        self.out = nn.Linear(in_channels, in_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew: Xavier-uniform, zero biases."""
        for part in self.project.weight.chunk(3):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.out.weight)
        nn.init.zeros_(self.project.bias)
        nn.init.zeros_(self.out.bias)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> Any:
        if not self.causal:
            return State()
        size = (batch, self.heads, 0, self.in_channels // self.heads)
        empty = torch.zeros(size, device=device, dtype=dtype)
        return CacheState(empty, empty, torch.zeros(batch, 0, dtype=torch.bool, device=device))

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: Any
    ) -> tuple[Tensor, Any]:
        batch, length, channels = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, -1).transpose(1, 2)
            for part in self.project(x).chunk(3, -1)
        )
        before = 0
        valid = x.new_ones(batch, length, dtype=torch.bool) if mask is None else mask
        if self.causal:
            before = state.valid.shape[1]
            k, v = torch.cat([state.key, k], 2), torch.cat([state.value, v], 2)
            valid = torch.cat([state.valid, valid], 1)
            state = CacheState(k, v, valid)
        plain = mask is None and before == 0
        allowed = None
        if not plain:
            allowed = valid.view(batch, 1, 1, -1)
            own = torch.ones(length, before + length, dtype=torch.bool, device=x.device)
            if self.causal:
                allowed = allowed & own.tril(before)
            # Every query may see itself: a softmax over nothing would be NaN.
            allowed = allowed | (own.tril(before) & own.triu(before))
        y = scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=allowed,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=plain and self.causal and length > 1,
        )
        return self.out(y.transpose(1, 2).reshape(batch, length, channels)), state

    def _last(self, x: Tensor, mask: Tensor | None, time: Tensor | None) -> Tensor:
        """One query per row; it may see all valid positions, causal or not."""
        weight_q, weight_kv = self.project.weight.tensor_split([self.in_channels])
        bias_q, bias_kv = self.project.bias.tensor_split([self.in_channels])
        q = linear(x[:, -1:], weight_q, bias_q)
        k, v = linear(x, weight_kv, bias_kv).chunk(2, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        allowed = None
        if mask is not None:  # itself, valid or not: a softmax over nothing would be NaN
            allowed = torch.cat([mask[:, :-1], torch.ones_like(mask[:, -1:])], 1)[:, None, None]
        y = scaled_dot_product_attention(
            q, k, v, attn_mask=allowed, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out(y.transpose(1, 2).flatten(1))

    def _step(
        self, x: Tensor, state: CacheState, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, CacheState]:
        seen = None if mask is None else mask.unsqueeze(1)
        y, state = self._parallel(x.unsqueeze(1), seen, None, state)
        return y.squeeze(1), state


@register("sequence_encoder", "transformer")
class Transformer(BlockStack):
    """Pre-norm Transformer with sinusoidal codes of position.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output.
        hidden_channels: Size inside; ``in_channels`` by default.
        num_layers: Pairs of attention and perceptron.
        heads: Heads of attention.
        patch_size: Positions that make one token.
        causal: Whether positions see earlier ones only; by default without patches yes, with
            patches no. Patches cannot be causal.
        ratio: Width of the perceptrons over ``hidden_channels``.
        dropout: Of attention weights, of perceptrons and of each layer's output.

    Parameters: ``num_layers * (4 * hidden_channels * (hidden_channels + 1)
    + 2 * hidden_channels * width + width + hidden_channels + 4 * hidden_channels)
    + 2 * hidden_channels
    + (patch_size * in_channels != hidden_channels)
    * hidden_channels * (patch_size * in_channels + 1)
    + (out_channels != hidden_channels) * out_channels * (hidden_channels + 1)``
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        hidden_channels: int | None = None,
        num_layers: int = 2,
        heads: int = 4,
        patch_size: int = 1,
        causal: bool | None = None,
        ratio: float = 4,
        dropout: float = 0.0,
    ) -> None:
        causal = check_count(patch_size, "patch_size") == 1 if causal is None else causal
        if causal and patch_size > 1:
            raise GraphError(
                "causal",
                "positions of a patch see one another",
                fix="Take patch_size=1, or causal=False.",
            )
        super().__init__(
            in_channels,
            out_channels,
            hidden_channels,
            num_layers,
            join=lambda hidden: SelfAttention(hidden, heads=heads, causal=causal, dropout=dropout),
            perceptron=lambda hidden: FeedForward(hidden, ratio, dropout=dropout),
            first=PositionCode,
            norm="layer",
            dropout=dropout,
        )
        self.patch_size = patch_size
        self.project_in = linear_if_needed(patch_size * in_channels, self.hidden_channels)

    def _last(self, x: Tensor, mask: Tensor | None, time: Tensor | None) -> Tensor:
        if self.patch_size == 1:
            return super()._last(x, mask, time)
        return SequenceEncoder._last(self, x, mask, time)

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        if self.patch_size == 1:
            return super()._parallel(x, mask, time, state)
        x, slot = align_end(x, mask, self.patch_size)
        batch, size, channels = x.shape
        valid = None
        if mask is not None or size != slot.shape[1]:
            count = slot.shape[1] if mask is None else mask.sum(1, keepdim=True)
            at = torch.arange(size, device=x.device).expand(batch, -1)
            valid = (at >= size - count).view(batch, -1, self.patch_size).any(2)
        patches = x.view(batch, -1, self.patch_size * channels)
        y, state = super()._parallel(patches, valid, None, state)
        token = (slot // self.patch_size).unsqueeze(-1)
        return y.gather(1, token.expand(-1, -1, y.shape[-1])), state
