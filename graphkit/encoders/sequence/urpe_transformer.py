r"""A Transformer with universal relative position encoding (URPE).

Luo, Li, Zheng, Liu, Wang, He, "Your Transformer May Not Be as Powerful as You Expect", NeurIPS
2022, arXiv 2205.13401:

.. math::
    A = \mathrm{softmax}(Q K^\top / \sqrt d + B) \odot C, \quad B_{ij} = b_{j-i}, \quad
    C_{ij} = c_{j-i}

(:mod:`graphkit.nn.attention.relative` has the reason for C and its form on graphs.) Blocks are
those of the authors' encoder: attention and a GELU perceptron, each followed by residual and
LayerNorm, no other positions. As in their code, one pair of tables serves all layers, C begins at
one, and dropout acts after the factor.

Our choice: offsets beyond ``max_length`` share the last entry; ``window`` and the cache of keys
for streams; ``pre_norm``. There is no form of constant state without a window: C does not
let a running softmax be carried on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.checks import check_count
from graphkit.encoders.sequence.cache import keep_last
from graphkit.encoders.sequence.masks import compact, spread
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError
from graphkit.nn.attention import (
    MultiHeadAttention,
    RelativeTables,
    log_bucket_index,
    offset_index,
    see_something,
)
from graphkit.registry import register

__all__ = ["URPETransformer"]


class URPEState(State):
    """State of a causal :class:`URPETransformer`: right-aligned keys and values of each layer."""

    length: Tensor  # int64 [B], positions so far
    caches: State  # of [B, T, 2 C'], one for each layer


@register("sequence_encoder", "urpe_transformer")
class URPETransformer(SequenceEncoder):
    r"""Transformer encoder with a learned factor on its attention weights (Luo et al. 2022).

    Args:
        in_channels: C.
        out_channels: C', the width of the layers; other inputs go through a linear map first.
        num_layers: Blocks.
        heads: Of attention; must divide C'.
        ffn_ratio: Width of the perceptron over C'.
        max_length: Offsets from here on share one entry of the tables.
        buckets: Logarithmic buckets as in T5 instead of an entry per offset: how many.
        share_across_layers: One pair of tables for all layers.
        factor: Without it C is one: ordinary relative attention, for comparison.
        causal: Whether an output may depend on earlier positions only.
        window: A position sees itself and the ``window - 1`` before it (and, if not causal, after
            it); all by default. With it, a causal encoder's state is constant in size.
        pre_norm: LayerNorm before attention and perceptron instead of after the residual.
        dropout: Of attention weights and of what is added to the residual.

    Raises:
        GraphError: Sizes that do not fit.

    Parameters: ``(in_channels != out_channels) * (in_channels + 1) * out_channels
    + num_layers * (4 * out_channels * (out_channels + 1) + 2 * out_channels * ffn_channels
    + ffn_channels + 5 * out_channels) + 2 * num_tables * num_relations * heads``
    """

    forms = frozenset({"parallel"})

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        num_layers: int = 2,
        heads: int = 4,
        *,
        ffn_ratio: float = 4,
        max_length: int = 128,
        buckets: int | None = None,
        share_across_layers: bool = True,
        factor: bool = True,
        causal: bool = False,
        window: int | None = None,
        pre_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, out_channels)
        d = self.out_channels
        self.causal = causal
        self.window = None if window is None else check_count(window, "window")
        self.state_is_constant = causal and window is not None
        if self.state_is_constant:
            self.forms = frozenset({"parallel", "recurrent"})
        self.max_length = check_count(max_length, "max_length")
        if buckets is not None and (buckets < 4 or buckets % 4):
            raise GraphError("buckets", "a multiple of 4 is needed", got=buckets)
        self.buckets, self.factor, self.pre_norm = buckets, factor, pre_norm
        self.lin_in = nn.Linear(in_channels, d) if in_channels != d else nn.Identity()
        self.num_layers, self.heads = check_count(num_layers, "num_layers"), heads
        self.attention = nn.ModuleList(
            MultiHeadAttention(d, heads, dropout) for _ in range(num_layers)
        )
        self.ffn_channels = width = max(1, round(ffn_ratio * d))
        self.ffn = nn.ModuleList(
            nn.Sequential(nn.Linear(d, width), nn.GELU(), nn.Linear(width, d))
            for _ in range(num_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(2 * num_layers))
        self.dropout = nn.Dropout(dropout)
        self.num_relations = buckets or (max_length if causal else 2 * max_length - 1)
        self.num_tables = 1 if share_across_layers else num_layers
        self.tables = nn.ModuleList(
            RelativeTables(self.num_relations, heads) for _ in range(self.num_tables)
        )
        if not factor:
            for table in self.tables:
                table.factor.requires_grad_(False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights from N(0, 0.02), biases 0, tables as :class:`RelativeTables` draws them."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
            elif isinstance(module, (nn.LayerNorm, RelativeTables)):
                module.reset_parameters()

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        if not self.causal:
            return State()
        slots = 0 if self.window is None else self.window - 1
        like = torch.zeros(batch, slots, 2 * self.out_channels, device=device, dtype=dtype)
        return URPEState(
            torch.zeros(batch, dtype=torch.long, device=device),
            State(*[like] * len(self.attention)),
        )

    def _step(
        self, x: Tensor, state: State, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, State]:
        mask = None if mask is None else mask.unsqueeze(1)
        y, state = self._parallel(x.unsqueeze(1), mask, None, state)
        return y.squeeze(1), state

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        order = lengths = None
        if mask is not None:  # valid positions first, so that offsets count these only
            x, order, lengths = compact(x, mask)
        h = self.lin_in(x)
        length = h.shape[1]
        past = state.caches[0].shape[1] if self.causal else 0
        query = past + torch.arange(length, device=x.device)
        offset = torch.arange(past + length, device=x.device) - query[:, None]
        visible = self._visible(offset, past, lengths, state)
        index = self._relations(offset)
        relative = [table(index) for table in self.tables]
        caches = []
        for layer, attention in enumerate(self.attention):
            bias, factor = relative[layer % len(relative)]
            first, second = self.norms[2 * layer : 2 * layer + 2]
            inner = first(h) if self.pre_norm else h
            pair = torch.cat(attention.keys_values(inner), -1)
            if self.causal:
                pair = torch.cat([state.caches[layer], pair], 1)
                caches.append(pair)
            key, value = pair.chunk(2, -1)
            given = (visible, bias, factor if self.factor else None)
            h = h + self.dropout(attention(inner, key, value, *given))
            h = h if self.pre_norm else first(h)
            h = h + self.dropout(self.ffn[layer](second(h) if self.pre_norm else h))
            h = h if self.pre_norm else second(h)
        if self.causal:
            slots = None if self.window is None else self.window - 1
            total = state.length + (length if lengths is None else lengths)
            kept = (keep_last(pair, past, lengths, total, slots) for pair in caches)
            state = URPEState(total, State(*kept))
        return (h if order is None else spread(h, order)), state

    def _relations(self, offset: Tensor) -> Tensor:
        if self.buckets is not None:
            return log_bucket_index(offset, self.buckets, self.max_length, self.causal)
        return offset_index(offset, self.max_length, self.causal)

    def _visible(
        self, offset: Tensor, past: int, lengths: Tensor | None, state: State
    ) -> Tensor | None:
        """Which keys a query sees: ``[B or 1, L, past + L]``, or ``None`` for all."""
        visible = None
        if self.causal:
            visible = offset <= 0
        if self.window is not None:
            near = offset.abs() < self.window
            visible = near if visible is None else visible & near
        if past:
            at = torch.arange(offset.shape[1], device=offset.device)
            visible = visible & (at >= past - state.length[:, None])[:, None]
        elif lengths is not None and not self.causal:
            valid = (torch.arange(len(offset), device=offset.device) < lengths[:, None])[:, None]
            visible = valid if visible is None else visible & valid
            return see_something(visible)
        return visible

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, causal={self.causal}, window={self.window}"
