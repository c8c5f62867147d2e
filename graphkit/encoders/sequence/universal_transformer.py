r"""Universal Transformer: one block, applied again and again, with a halting time per position.

Dehghani, Gouws, Vinyals, Uszkoreit, Kaiser, "Universal Transformers", ICLR 2019, arXiv 1807.03819.
With one set of weights for all steps t = 1 .. T:

.. math::
    U^t &= \mathrm{LN}(\hat H + \mathrm{MHSA}(\hat H)), \quad \hat H = H^{t-1} + P^t, \quad
    H^t = \mathrm{LN}(U^t + \mathrm{FFN}(U^t)) \\
    P^t_{i, 2j} &= \sin(i / 10000^{2j / d}) + \sin(t / 10000^{2j / d}), \quad
    P^t_{i, 2j + 1} = \cos(i / 10000^{2j / d}) + \cos(t / 10000^{2j / d})

Adaptive halting (Graves, arXiv 1603.08983): before each block a position gives
:math:`p = \sigma(w \cdot \hat h + b)`; it runs until the sum of its p passes :math:`1 - \epsilon`,
and its last step gets the remainder R, so that the weights of its N steps sum to one. The output is
the weighted mean of its states; the ponder cost is :math:`N + R`.

Departures, our choice: a position that has halted keeps its state, as the paper says (the authors'
code goes on transforming it), and others still attend to it; whoever has not halted at the last
step gives it the rest of the weight; padding neither ponders nor counts. ``act="basic"`` is the
update of the authors' code, :math:`Y \leftarrow a s + (1 - a) Y`, whose weights do not sum to one.
Positions count valid positions from 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphkit.checks import check_count
from graphkit.encoders.sequence.cache import keep_last
from graphkit.encoders.sequence.masks import compact, spread
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.errors import UnknownNameError
from graphkit.nn.attention import MultiHeadAttention, see_something
from graphkit.registry import register

__all__ = ["Ponder", "UniversalTransformer"]

_ACTS = ("accumulated", "basic")


class Ponder(NamedTuple):
    """How long positions took.

    Attributes:
        updates: ``[B, L]``, N, without a gradient; 0 at invalid positions.
        remainder: ``[B, L]``, R.
        weights: ``[T, B, L]``, the weight of each step in the output.
        cost: Mean of N + R over valid positions: add a small multiple (0.01) to the loss.
    """

    updates: Tensor
    remainder: Tensor
    weights: Tensor
    cost: Tensor


class History(State):
    """State of a causal :class:`UniversalTransformer`: all input so far, right-aligned."""

    length: Tensor  # int64 [B]
    x: Tensor  # [B, T, C]


@register("sequence_encoder", "universal_transformer")
class UniversalTransformer(SequenceEncoder):
    r"""Universal Transformer (Dehghani et al. 2019): tied weights over depth, adaptive halting.

    There is no cheap step in time: a causal encoder's state is the whole input so far, and
    :meth:`step` runs over it again.

    Args:
        in_channels: C.
        out_channels: C', the width d; other inputs go through a linear map first.
        max_steps: T.
        heads: Of attention; must divide C'.
        act: ``"accumulated"`` or ``"basic"`` halting, or ``None``: always T steps.
        epsilon: Halt above 1 - epsilon.
        ffn_ratio: Width of the perceptron over C'.
        causal: Whether an output may depend on earlier positions only.
        pre_norm: LayerNorm before attention and perceptron instead of after the residual; steadier
            beyond a dozen steps.
        learned_steps: A learned vector per step instead of the sinusoid in t.
        random_start: In training, positions of a row count from a random number up to this one.
        dropout: Of attention weights and of what is added to the residual.

    Raises:
        GraphError: Sizes that do not fit; an unknown ``act``.

    Parameters: ``(in_channels != out_channels) * (in_channels + 1) * out_channels
    + 4 * out_channels * (out_channels + 1) + 2 * out_channels * ffn_channels + ffn_channels
    + 5 * out_channels + halts * (out_channels + 1)
    + learned_steps * max_steps * out_channels``
    """

    forms = frozenset({"parallel"})

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        max_steps: int = 8,
        heads: int = 4,
        *,
        act: str | None = "accumulated",
        epsilon: float = 0.01,
        ffn_ratio: float = 4,
        causal: bool = False,
        pre_norm: bool = False,
        learned_steps: bool = False,
        random_start: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, out_channels)
        if act is not None and act not in _ACTS:
            raise UnknownNameError("act", act, _ACTS)
        d = self.out_channels
        self.causal = causal
        self.state_is_constant = not causal
        self.max_steps = check_count(max_steps, "max_steps")
        self.random_start = check_count(random_start, "random_start", at_least=0)
        self.act, self.epsilon, self.pre_norm = act, epsilon, pre_norm
        self.lin_in = nn.Linear(in_channels, d) if in_channels != d else nn.Identity()
        self.attention = MultiHeadAttention(d, heads, dropout)
        self.ffn_channels = width = max(1, round(ffn_ratio * d))
        self.learned_steps, self.halts = learned_steps, act is not None
        self.ffn = nn.Sequential(nn.Linear(d, width), nn.ReLU(), nn.Linear(width, d))
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        self.halt = nn.Linear(d, 1) if act is not None else None
        self.step_signal = nn.Parameter(torch.empty(max_steps, d)) if learned_steps else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """torch's linear layers; the bias of halting is 1, about two steps at first."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.LayerNorm)):
                module.reset_parameters()
        self.attention.reset_parameters()
        if self.halt is not None:
            nn.init.ones_(self.halt.bias)
        if self.step_signal is not None:
            nn.init.normal_(self.step_signal, std=0.02)

    def with_ponder(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Ponder]:
        """Outputs and how long each position took, for the loss.

        Args:
            x: ``[B, L, in_channels]``.
            mask: bool ``[B, L]``; all valid by default.
        """
        self._check(x, mask, None, dims=3)
        if mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        x = torch.where(mask[..., None], x, 0)
        x, order, lengths = compact(x, mask)
        y, ponder = self._encode(x, lengths)
        back = order.expand(len(ponder.weights), *order.shape)
        ponder = Ponder(
            torch.zeros_like(ponder.updates).scatter(1, order, ponder.updates),
            torch.zeros_like(ponder.remainder).scatter(1, order, ponder.remainder),
            torch.zeros_like(ponder.weights).scatter(2, back, ponder.weights),
            ponder.cost,
        )
        return torch.where(mask[..., None], spread(y, order), 0), ponder

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        if not self.causal:
            return State()
        return History(
            torch.zeros(batch, dtype=torch.long, device=device),
            torch.zeros(batch, 0, self.in_channels, device=device, dtype=dtype),
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
        new = x.shape[1]
        past = state.x.shape[1] if self.causal else 0
        if past:
            before = torch.arange(past, device=x.device) >= past - state.length[:, None]
            if mask is None:
                mask = before.new_ones(x.shape[:2])
            x, mask = torch.cat([state.x, x], 1), torch.cat([before, mask], 1)
        order = lengths = None
        if mask is not None:
            x, order, lengths = compact(x, mask)
        y, _ = self._encode(x, lengths)
        if order is not None:
            y = spread(y, order)
        if self.causal:
            total = x.new_full((len(x),), new).long() if lengths is None else lengths
            state = History(total, keep_last(x, 0, lengths, total, None))
        return y[:, past:], state

    def _encode(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Ponder]:
        """Rows whose first ``lengths`` positions are valid."""
        s = self.lin_in(x)
        rows, length, d = s.shape
        at = torch.arange(length, device=x.device)
        valid = None if lengths is None else at < lengths[:, None]
        visible = (at <= at[:, None])[None] if self.causal else None
        if valid is not None and not self.causal:
            visible = see_something(valid[:, None])
        positions = at[None]
        if self.random_start and self.training:
            start = torch.randint(self.random_start + 1, (rows, 1), device=x.device)
            positions = positions + start
        signal = sinusoid(positions, d, s.dtype)
        if self.halt is None:
            for t in range(self.max_steps):
                s = self._block(s + signal + self._step_code(t, s), visible)
            ones = s.new_ones(rows, length)
            updates = ones * self.max_steps if valid is None else ones * self.max_steps * valid
            none = torch.zeros_like(ones)
            return s, Ponder(updates, none, none.expand(self.max_steps, -1, -1), none.sum())
        running = s.new_ones(rows, length, dtype=torch.bool) if valid is None else valid
        used = s.new_zeros(rows, length)
        updates, remainder, out = torch.zeros_like(used), torch.zeros_like(used), s * 0
        weights = []
        for t in range(self.max_steps):
            given = s + signal + self._step_code(t, s)
            p = torch.sigmoid(self.halt(given)).squeeze(-1)
            halts = running & (used + p > 1 - self.epsilon)
            if t == self.max_steps - 1 and self.act == "accumulated":
                halts = running
            weight = torch.where(halts, 1 - used, torch.where(running, p, 0))
            remainder = torch.where(halts, weight, remainder)
            updates = updates + running
            s = torch.where(running[..., None], self._block(given, visible), s)
            scaled = weight[..., None] * s
            out = out + scaled if self.act == "accumulated" else out.lerp(s, weight[..., None])
            used = used + weight
            weights.append(weight)
            running = running & ~halts
            if not running.any():
                break
        weights += [torch.zeros_like(used)] * (self.max_steps - len(weights))
        count = rows * length if valid is None else valid.sum().clamp(min=1)
        cost = (updates + remainder).sum() / count
        return out, Ponder(updates, remainder, torch.stack(weights), cost)

    def _block(self, x: Tensor, visible: Tensor | None) -> Tensor:
        first, second = self.norms
        inner = first(x) if self.pre_norm else x
        u = x + self.dropout(self.attention(inner, *self.attention.keys_values(inner), visible))
        if self.pre_norm:
            return u + self.dropout(self.ffn(second(u)))
        u = first(u)
        return second(u + self.dropout(self.ffn(u)))

    def _step_code(self, t: int, like: Tensor) -> Tensor:
        if self.step_signal is not None:
            return self.step_signal[t]
        return sinusoid(torch.tensor([t + 1], device=like.device), like.shape[-1], like.dtype)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, max_steps={self.max_steps}, act={self.act!r}"


def sinusoid(position: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    """Sine at even and cosine at odd channels: ``[...]`` to ``[..., channels]``."""
    even = torch.arange(0, channels, 2, device=position.device, dtype=torch.float64)
    angle = position[..., None] * torch.exp(even * (-math.log(10000.0) / channels))
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)[..., :channels].to(dtype)
