r"""Titans, memory as context: attention within segments and to what a memory gives.

Behrouz, Zhong, Mirrokni, "Titans: Learning to Memorize at Test Time", arXiv 2501.00663. Segment by
segment, with learned tokens P and the memory's weights :math:`M_{seg}` at the start of the segment:

.. math::
    h = M_{seg}(W_q x), \quad y = \mathrm{Attn}([P \| h \| x]), \quad o = y \odot M(y)

where M is written with y. Our choice, because the drawn mask looks ahead: position i sees the
retrieved :math:`h_j` for :math:`j \le i` only (as drawn, every token would see retrievals of later
ones), and M(y) is read token by token. A chunk of the memory is a segment; a learned bias per
offset tells positions apart in attention.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.checks import check_count
from graphkit.encoders.sequence.masks import compact, spread
from graphkit.encoders.sequence.state import State
from graphkit.encoders.sequence.titans import Titans, TitansState, as_state
from graphkit.nn.attention import MultiHeadAttention
from graphkit.nn.memory import read_weights
from graphkit.registry import register

__all__ = ["TitansMAC"]


@register("sequence_encoder", "titans_mac")
class TitansMAC(Titans):
    r"""Titans, memory as context (Behrouz et al. 2025): attention within segments and to memory.

    Args:
        in_channels: C.
        out_channels: C', the width of the layer; other inputs go through a linear map first.
        segment: Positions of a segment, and of a chunk of the memory.
        heads: Of attention.
        num_persistent: Learned tokens P.
        memory: ``memory_heads``, ``memory_layers``, ``expansion``, ``max_step``, ``conv``, ``read``
            and ``max_norm`` of the memory, see :class:`~graphkit.nn.memory.NeuralMemory`.

    Parameters: ``(in_channels != out_channels) * (in_channels + 1) * out_channels
    + 4 * out_channels ** 2 + 3 * memory_heads * (out_channels + 1) + 3 * conv_taps * out_channels
    + memory_size + num_persistent * out_channels
    + out_channels * (5 * out_channels + 4) + 2 * heads * segment``
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        segment: int = 32,
        heads: int = 4,
        *,
        num_persistent: int = 4,
        **memory: object,
    ) -> None:
        segment = check_count(segment, "segment")
        super().__init__(
            in_channels, out_channels, memory_chunk=segment, num_persistent=num_persistent, **memory
        )
        d = self.out_channels
        self.segment, self.heads = segment, heads
        self.lin_query = nn.Linear(d, d, bias=False)  # what a token asks the memory
        self.attention = MultiHeadAttention(d, heads)
        self.offset_bias = nn.Parameter(torch.empty(2, heads, segment))  # to h, to x
        self._cached = (segment, 4 * d)  # keys and values of h, of x
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As the base class; biases of offsets from N(0, 0.02)."""
        super().reset_parameters()
        nn.init.normal_(self.offset_bias, std=0.02)

    def _pairs(self, x: Tensor, anchor: tuple[Tensor, ...]) -> Tensor:
        """Keys and values of what memory gives for x ``[B, n, d]``, and of x: ``[B, n, 4d]``."""
        heads = self.memory.heads
        q = F.silu(self.lin_query(x)).unflatten(-1, (heads, -1)).transpose(1, 2)
        q = F.normalize(q, dim=-1, eps=1e-6)
        h = read_weights(tuple(anchor), q).transpose(1, 2).flatten(2)
        return torch.cat([*self.attention.keys_values(h), *self.attention.keys_values(x)], -1)

    def _attend(self, x: Tensor, pairs: Tensor, query: Tensor) -> Tensor:
        """Attention of x ``[B, n, d]`` at positions ``query [B or 1, n]`` of the segment."""
        offset = query[..., None] - torch.arange(self.segment, device=x.device)
        seen = offset >= 0
        bias = self.offset_bias[:, :, offset.clamp(min=0)]  # [2, heads, B or 1, n, C]
        visible, bias = torch.cat([seen, seen], -1), torch.cat([*bias.transpose(1, 2)], -1)
        key_h, value_h, key_x, value_x = pairs.chunk(4, -1)
        keys, values = [key_h, key_x], [value_h, value_x]
        if self.persistent is not None:
            count = len(self.persistent)
            for part, given in zip((keys, values), self.attention.keys_values(self.persistent)):
                part.insert(0, given.expand(len(x), -1, -1))
            visible, bias = F.pad(visible, (count, 0), value=True), F.pad(bias, (count, 0))
        return self.attention(x, torch.cat(keys, 1), torch.cat(values, 1), visible, bias)

    def _token(self, x: Tensor, state: TitansState) -> tuple[Tensor, TitansState]:
        place = state.length % self.segment
        pair = self._pairs(x.unsqueeze(1), state.memory[3])
        here = torch.arange(self.segment, device=x.device) == place[:, None]
        cache = torch.where(here[..., None], pair, state.cache)
        y = self._attend(x.unsqueeze(1), cache, place[:, None]).squeeze(1)
        m, memory = self.memory.step(y, state.memory)
        length = state.length + 1
        done = length % self.segment == 0
        cache = torch.where(done[:, None, None], 0, cache)
        return y * m, TitansState(length, cache, as_state(memory))

    def _tokens(
        self, x: Tensor, state: TitansState, lengths: Tensor | None
    ) -> tuple[Tensor, TitansState]:
        c, new = self.segment, x.shape[1]
        place = state.length % c
        counts = state.length.new_full((len(x),), new) if lengths is None else lengths
        total = place + counts
        # Token i of a row goes to column place + i, so that segments begin at the same columns.
        width = -(-max(1, int(total.max())) // c) * c
        at = (place[:, None] + torch.arange(new, device=x.device)).clamp(max=width)
        index = at[..., None].expand_as(x)
        moved = x.new_zeros(len(x), width + 1, x.shape[-1]).scatter(1, index, x)[:, :width]
        columns = torch.arange(width, device=x.device)
        fresh = (columns >= place[:, None]) & (columns < total[:, None])
        memory, cache, outputs = state.memory, state.cache, []
        straight = lengths is None and not bool(place.any())
        within = torch.arange(c, device=x.device)[None]
        for first in range(0, width, c):
            part = moved[:, first : first + c]
            is_new = fresh[:, first : first + c]
            pairs = self._pairs(part, memory[3])
            if first == 0:  # positions of this segment that earlier calls have had
                pairs = torch.where((within < place[:, None])[..., None], cache, pairs)
            pairs = torch.where(((within + first) < total[:, None])[..., None], pairs, 0)
            y = self._attend(part, pairs, within)
            if straight and first + c <= new:
                m, memory = self.memory(y, memory)
            else:
                m, memory = self._write(y, is_new, memory)
            outputs.append(y * m)
            ends_here = (total > first) & (total < first + c)
            cache = torch.where(
                ends_here[:, None, None],
                pairs,
                torch.where((total == first + c)[:, None, None], 0, cache),
            )
        out = torch.cat(outputs, 1)
        index = at.clamp(max=width - 1)[..., None].expand_as(x)
        return out.gather(1, index), TitansState(state.length + counts, cache, as_state(memory))

    def _write(self, y: Tensor, is_new: Tensor, memory: State) -> tuple[Tensor, State]:
        """The memory takes the new tokens of a segment; their place in it is kept."""
        packed, order, lengths = compact(y, is_new)
        m, memory = self.memory(packed, memory, lengths)
        return spread(m, order), memory
