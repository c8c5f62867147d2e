r"""Titans: attention over what is near, a memory that learns while it reads for what is far.

Behrouz, Zhong, Mirrokni, "Titans: Learning to Memorize at Test Time", arXiv 2501.00663. The memory
is :class:`~graphkit.nn.memory.NeuralMemory`; P are learned tokens.

======= =======================================================================================
LMM     memory alone: :math:`o = M(x)`
MAC     memory as context, see :mod:`~graphkit.encoders.sequence.titans_mac`
MAG     memory as gate: :math:`o = \mathrm{norm}(\mathrm{SWA}([P \| x])) \odot
        \sigma(\mathrm{norm}(M([P \| x])))`, norms with learned scales
MAL     memory as layer: :math:`o = \mathrm{SWA}(M([P \| x]))`
======= =======================================================================================

A linear map follows each; residuals and norms around the layer are those of
:class:`~graphkit.encoders.sequence.SequenceStack`. SWA is attention to the last ``window``
positions.

Our choice where the paper is silent: in MAG every position sees P; a learned bias per offset tells
positions apart in attention.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.checks import check_count
from graphkit.encoders.sequence.cache import keep_last
from graphkit.encoders.sequence.masks import compact, spread
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.nn.attention import MultiHeadAttention
from graphkit.nn.memory import NeuralMemory
from graphkit.registry import register

__all__ = ["Titans", "TitansLMM", "TitansMAG", "TitansMAL", "TitansState", "as_state"]


class TitansState(State):
    """State of a Titans encoder."""

    length: Tensor  # int64 [B], positions so far (tokens P included where they are read)
    cache: Tensor  # [B, T, ...], keys and values; T = 0 without attention
    memory: State  # of NeuralMemory


class Titans(SequenceEncoder):
    """What the variants share: a memory, tokens P, a linear map to the output."""

    causal = True
    forms = frozenset({"chunkwise", "recurrent"})

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        memory_heads: int = 1,
        memory_layers: int = 2,
        *,
        memory_chunk: int = 16,
        expansion: float = 2,
        max_step: float = 0.1,
        conv: int = 4,
        read: str = "after",
        max_norm: float | None = 10.0,
        num_persistent: int = 0,
    ) -> None:
        super().__init__(in_channels, out_channels)
        d = self.out_channels
        self.lin_in = nn.Linear(in_channels, d) if in_channels != d else nn.Identity()
        self.memory = NeuralMemory(
            d,
            memory_heads,
            memory_layers,
            expansion,
            chunk=memory_chunk,
            max_step=max_step,
            conv=conv,
            read=read,
            max_norm=max_norm,
        )
        self.memory_heads, self.conv_taps = memory_heads, conv if conv > 1 else 0
        self.memory_size = sum(weight.numel() for weight in self.memory.first)
        self.num_persistent = check_count(num_persistent, "num_persistent", at_least=0)
        self.persistent = nn.Parameter(torch.empty(num_persistent, d)) if num_persistent else None
        self.lin_out = nn.Linear(d, d, bias=False)

    def reset_parameters(self) -> None:
        """torch's linear layers, P from N(0, 0.02), the rest as its own modules draw it."""
        super().reset_parameters()
        if self.persistent is not None:
            nn.init.normal_(self.persistent, std=0.02)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        """The state after P has been read."""
        one = self._empty(1)
        if self.persistent is not None and self._reads_persistent:
            one = self._tokens(self.persistent[None], one, None)[1]
        return one.map(lambda t: t.expand(batch, *t.shape[1:])).to(device, dtype)

    _reads_persistent = False
    _cached: tuple[int, ...] = (0, 0)

    def _empty(self, batch: int) -> TitansState:
        like = self.lin_out.weight
        return TitansState(
            torch.zeros(batch, dtype=torch.long, device=like.device),
            like.new_zeros(batch, *self._cached),
            as_state(self.memory.start(batch)),
        )

    def _chunkwise(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: TitansState
    ) -> tuple[Tensor, State]:
        order = lengths = None
        if mask is not None:  # valid positions first: chunks and windows count these only
            x, order, lengths = compact(x, mask)
        y, state = self._tokens(self.lin_in(x), state, lengths)
        y = self.lin_out(y)
        return (y if order is None else spread(y, order)), state

    def _step(
        self, x: Tensor, state: TitansState, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, State]:
        y, state = self._token(self.lin_in(x), state)
        return self.lin_out(y), state

    def _tokens(
        self, x: Tensor, state: TitansState, lengths: Tensor | None
    ) -> tuple[Tensor, TitansState]:
        raise NotImplementedError

    def _token(self, x: Tensor, state: TitansState) -> tuple[Tensor, TitansState]:
        raise NotImplementedError


@register("sequence_encoder", "titans_lmm")
class TitansLMM(Titans):
    r"""Titans' neural long-term memory alone (Behrouz et al. 2025).

    Memory is read by its tokens, normalised, and gated by the input,
    :math:`W (\mathrm{RMSNorm}(M(x)) \odot \mathrm{silu}(W_g x))`.

    Args:
        in_channels: C.
        out_channels: C', the width of the layer; other inputs go through a linear map first.
        memory_heads, memory_layers, memory_chunk, expansion, max_step, conv, read, max_norm: Of the
            memory, see :class:`~graphkit.nn.memory.NeuralMemory`; the chunk is a part of the model.

    Parameters: ``(in_channels != out_channels) * (in_channels + 1) * out_channels
    + 4 * out_channels ** 2 + 3 * memory_heads * (out_channels + 1) + 3 * conv_taps * out_channels
    + memory_size + num_persistent * out_channels
    + out_channels * (out_channels + 1)``
    """

    def __init__(self, in_channels: int, out_channels: int | None = None, **memory: object) -> None:
        super().__init__(in_channels, out_channels, **memory)
        self.norm = nn.RMSNorm(self.out_channels, eps=1e-6)
        self.lin_gate = nn.Linear(self.out_channels, self.out_channels, bias=False)
        self.reset_parameters()

    def _tokens(
        self, x: Tensor, state: TitansState, lengths: Tensor | None
    ) -> tuple[Tensor, TitansState]:
        y, memory = self.memory(x, state.memory, lengths)
        length = state.length + (x.shape[1] if lengths is None else lengths)
        gated = self.norm(y) * F.silu(self.lin_gate(x))
        return gated, TitansState(length, state.cache, as_state(memory))

    def _token(self, x: Tensor, state: TitansState) -> tuple[Tensor, TitansState]:
        y, memory = self.memory.step(x, state.memory)
        gated = self.norm(y) * F.silu(self.lin_gate(x))
        return gated, TitansState(state.length + 1, state.cache, as_state(memory))


class _Windowed(Titans):
    """With attention to the last ``window`` positions."""

    _reads_persistent = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        window: int = 32,
        heads: int = 4,
        *,
        num_persistent: int = 4,
        **memory: object,
    ) -> None:
        super().__init__(in_channels, out_channels, num_persistent=num_persistent, **memory)
        self.window, self.heads = check_count(window, "window"), heads
        self.attention = MultiHeadAttention(self.out_channels, heads)
        self.offset_bias = nn.Parameter(torch.empty(heads, window))
        self._cached = (self.window - 1, 2 * self.out_channels)

    def reset_parameters(self) -> None:
        """As the base class; biases of offsets from N(0, 0.02)."""
        super().reset_parameters()
        nn.init.normal_(self.offset_bias, std=0.02)

    def _attend(
        self, x: Tensor, state: TitansState, lengths: Tensor | None, *, prefix: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Windowed attention, with P visible to all if ``prefix``: ``(y, length, cache)``."""
        new, past = x.shape[1], self.window - 1
        pair = torch.cat([state.cache, torch.cat(self.attention.keys_values(x), -1)], 1)
        # A block of positions with the window before it at a time: costs grow with the length only.
        width = min(self.window, new)
        blocks = -(-new // width)
        extra = blocks * width - new
        queries = F.pad(x, (0, 0, 0, extra)).reshape(-1, width, x.shape[-1])
        keys = F.pad(pair, (0, 0, 0, extra)).unfold(1, past + width, width)
        keys = keys.transpose(2, 3).flatten(0, 1)  # [B * blocks, past + width, 2 d]
        column = torch.arange(past + width, device=x.device)
        offset = past + torch.arange(width, device=x.device)[:, None] - column
        start = torch.arange(blocks, device=x.device)[:, None] * width
        known = start + column >= past - state.length[:, None, None]  # [B, blocks, past + width]
        visible = (offset >= 0) & (offset < self.window) & known.flatten(0, 1)[:, None]
        bias = self.offset_bias[:, offset.clamp(0, past)]
        if prefix and self.persistent is not None:
            given = torch.cat(self.attention.keys_values(self.persistent), -1)
            keys = torch.cat([given.expand(len(keys), -1, -1), keys], 1)
            visible = F.pad(visible, (len(given), 0), value=True)
            bias = F.pad(bias, (len(given), 0))
        y = self.attention(queries, *keys.chunk(2, -1), visible, bias)
        y = y.reshape(len(x), -1, y.shape[-1])[:, :new]
        total = state.length + (new if lengths is None else lengths)
        return y, total, keep_last(pair, past, lengths, total, past)


_WINDOWED_ARGS = r"""

    Args:
        in_channels: C.
        out_channels: C', the width of the layer; other inputs go through a linear map first.
        window: Positions that attention sees.
        heads: Of attention.
        num_persistent: Learned tokens P.
        memory: ``memory_heads``, ``memory_layers``, ``memory_chunk``, ``expansion``, ``max_step``,
            ``conv``, ``read`` and ``max_norm`` of the memory, see
            :class:`~graphkit.nn.memory.NeuralMemory`; the chunk is a part of the model.

    Parameters: ``(in_channels != out_channels) * (in_channels + 1) * out_channels
    + 4 * out_channels ** 2 + 3 * memory_heads * (out_channels + 1) + 3 * conv_taps * out_channels
    + memory_size + num_persistent * out_channels
    + 4 * out_channels * (out_channels + 1) + heads * window"""


@register("sequence_encoder", "titans_mag")
class TitansMAG(_Windowed):
    __doc__ = (
        r"""Titans, memory as a gate (Behrouz et al. 2025): attention times memory."""
        + _WINDOWED_ARGS
        + " + 2 * out_channels``\n"
    )

    def __init__(
        self, in_channels: int, out_channels: int | None = None, **settings: object
    ) -> None:
        super().__init__(in_channels, out_channels, **settings)
        self.norm_near = nn.RMSNorm(self.out_channels, eps=1e-6)
        self.norm_far = nn.RMSNorm(self.out_channels, eps=1e-6)
        self.reset_parameters()

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        # The memory has read P; attention sees P as a prefix and begins with an empty window.
        after = super()._start(batch, device, dtype)
        return after.replace(
            length=torch.zeros_like(after.length), cache=torch.zeros_like(after.cache)
        )

    def _tokens(
        self, x: Tensor, state: TitansState, lengths: Tensor | None
    ) -> tuple[Tensor, TitansState]:
        near, length, cache = self._attend(x, state, lengths, prefix=True)
        far, memory = self.memory(x, state.memory, lengths)
        return self._gate(near, far), TitansState(length, cache, as_state(memory))

    def _token(self, x: Tensor, state: TitansState) -> tuple[Tensor, TitansState]:
        near, length, cache = self._attend(x.unsqueeze(1), state, None, prefix=True)
        far, memory = self.memory.step(x, state.memory)
        return self._gate(near.squeeze(1), far), TitansState(length, cache, as_state(memory))

    def _gate(self, near: Tensor, far: Tensor) -> Tensor:
        return self.norm_near(near) * torch.sigmoid(self.norm_far(far))


@register("sequence_encoder", "titans_mal")
class TitansMAL(_Windowed):
    __doc__ = (
        r"""Titans, memory as a layer (Behrouz et al. 2025): attention over what memory gives."""
        + _WINDOWED_ARGS
        + "``\n"
    )

    def __init__(
        self, in_channels: int, out_channels: int | None = None, **settings: object
    ) -> None:
        super().__init__(in_channels, out_channels, **settings)
        self.reset_parameters()

    def _tokens(
        self, x: Tensor, state: TitansState, lengths: Tensor | None
    ) -> tuple[Tensor, TitansState]:
        far, memory = self.memory(x, state.memory, lengths)
        y, length, cache = self._attend(far, state, lengths, prefix=False)
        return y, TitansState(length, cache, as_state(memory))

    def _token(self, x: Tensor, state: TitansState) -> tuple[Tensor, TitansState]:
        far, memory = self.memory.step(x, state.memory)
        y, length, cache = self._attend(far.unsqueeze(1), state, None, prefix=False)
        return y.squeeze(1), TitansState(length, cache, as_state(memory))


def as_state(nested: tuple) -> State:
    """Tuples within tuples as states within states."""
    if isinstance(nested, State):
        return nested
    return State(*(as_state(part) if isinstance(part, tuple) else part for part in nested))
