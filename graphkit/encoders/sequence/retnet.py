r"""Retention: linear attention whose decay is fixed per head and whose keys turn with the position.

Sun, Dong, Huang, Ma, Xia, Xue, Wang, Wei: "Retentive Network: A Successor to Transformer for Large
Language Models", arXiv 2307.08621, and the authors' code (microsoft/torchscale). Head i of h has
the decay :math:`\gamma_i = 1 - 2^{-5-i}` and

.. math::
    S_n = \gamma S_{n-1} + (R_n k_n) v_n^\top, \qquad
    o_n = S_n^\top (R_n q_n) \Big/ \textstyle\sqrt{\sum_{m \le n} \gamma^{n-m}}, \qquad
    y_n = W_o \big( \mathrm{norm}_{head}(o_n) \odot \mathrm{swish}(W_g x_n) \big)

where :math:`R_n` turns neighbouring pairs of channels by :math:`n\,\theta_j`, the angles spread
from 1 to :math:`10^{-4}` on a log scale; keys are divided by :math:`\sqrt{d_k}`, values have twice
the width, the norm (RMS, without parameters) is per head. A block is norm, retention, residual,
norm, perceptron of twice the width, residual: 12 d^2 weights.

Positions are counted over *valid* ones: an invalid position neither fades the memory nor turns it.

The norm removes any positive factor of :math:`o_n`, but for the epsilon in it, which is not small
beside the outputs of fresh weights: without the two normalisations that their recurrent form has,
of keys and by the sum of decays, results would differ from theirs by 7 to 20 %. Both are applied
here, in every form, and the results equal those of the authors' recurrent form.

Departures:

- The authors' parallel form also divides a row of scores by the sum of their absolute values where
  that is above 1 (it is not at fresh weights), and their chunkwise form has divisors of its own, by
  which it differs from their other two by 5 to 15 % at fresh weights. Neither is here: all forms
  give the same.
- The perceptron has GELU and biases. The authors' code has a gated linear unit without biases,
  ``activation="geglu"``: with ``expand_v=5/3`` and ``ratio=5/3`` its sizes, again 12 d^2 weights.
- ``time_unit`` is our extension: the memory fades by :math:`\gamma^{\Delta t / unit}` over the gap
  to the position before. The sum of decays is still that of steps of one unit.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu

from graphkit.checks import check_count
from graphkit.encoders.sequence.blocks import BlockStack
from graphkit.encoders.sequence.masks import time_gaps, valid_positions
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.stack import FeedForward
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError
from graphkit.ops.linear_attention import linear_attention, linear_attention_step
from graphkit.registry import register

__all__ = ["RetNet", "Retention"]


class RetentionState(State):
    """The memory, how many valid positions there were, and the time of the last one."""

    memory: Tensor  # [B, heads, dk, dv]
    count: Tensor  # int64 [B]
    time: Tensor  # float64 [B]


class Retention(SequenceEncoder):
    """Multi-scale retention; see the module's equations.

    Args:
        channels: Size d of input and output.
        heads: Heads; they divide d, into even parts with ``rotate``.
        expand_v: Size of all values over d.
        rotate: Whether queries and keys turn with the position.
        bias: Biases of queries and keys.
        time_unit: Fade by elapsed time in this unit instead of by positions; needs times.
        eps: Of the norm.
        chunk_size: Of the chunkwise form.
    """

    forms = frozenset({"parallel", "chunkwise", "recurrent"})

    def __init__(
        self,
        channels: int,
        *,
        heads: int = 4,
        expand_v: float = 2.0,
        rotate: bool = True,
        bias: bool = False,
        time_unit: float | None = None,
        eps: float = 1e-6,
        chunk_size: int = 32,
    ) -> None:
        super().__init__(channels)
        self.heads, self.rotate, self.eps = check_count(heads, "heads"), rotate, eps
        self.chunk_size = check_count(chunk_size, "chunk_size")
        self.time_unit, self.needs_time = time_unit, time_unit is not None
        if time_unit is not None and not (time_unit > 0 and math.isfinite(time_unit)):
            raise GraphError("time_unit", "a unit", expected="a positive number", got=time_unit)
        self.value_channels = round(channels * expand_v)
        if channels % (heads * (2 if rotate else 1)) or self.value_channels % heads:
            raise GraphError(
                "heads",
                f"{channels} channels do not divide into {heads} heads"
                + (" of an even size, which rotation needs" * rotate),
                fix="Change heads or hidden_channels.",
            )
        self.q = nn.Linear(channels, channels, bias=bias)
        self.k = nn.Linear(channels, channels, bias=bias)
        self.v = nn.Linear(channels, self.value_channels, bias=False)
        self.g = nn.Linear(channels, self.value_channels, bias=False)
        self.out = nn.Linear(self.value_channels, channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew: Xavier-uniform, gain 2^-2.5, of the output 1/2."""
        for layer in (self.q, self.k, self.v, self.g):
            nn.init.xavier_uniform_(layer.weight, gain=2**-2.5)
        nn.init.xavier_uniform_(self.out.weight, gain=0.5)
        for layer in (self.q, self.k):
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> RetentionState:
        size = (self.heads, self.in_channels // self.heads, self.value_channels // self.heads)
        return RetentionState(
            torch.zeros(batch, *size, device=device, dtype=dtype),
            torch.zeros(batch, device=device, dtype=torch.int64),
            torch.zeros(batch, device=device, dtype=torch.float64),
        )

    def _project(self, x: Tensor, position: Tensor) -> list[Tensor]:
        """q, k and v, ``[B, ..., heads, d]``, turned by the position ``[B, ...]``."""
        parts = [y.unflatten(-1, (self.heads, -1)) for y in (self.q(x), self.k(x), self.v(x))]
        parts[1] = parts[1] * (self.in_channels // self.heads) ** -0.5
        if self.rotate:  # angles of thousands of positions want float64
            pairs = self.in_channels // self.heads // 2
            exponent = torch.linspace(0, 1, pairs, dtype=torch.float64, device=x.device)
            angle = (position.double().unsqueeze(-1) * 10000.0**-exponent).unsqueeze(-2)
            sin, cos = angle.sin().to(x.dtype), angle.cos().to(x.dtype)
            parts[:2] = (_turn(y, sin, cos) for y in parts[:2])
        return parts

    def _log_gamma(self, x: Tensor) -> Tensor:
        head = torch.arange(self.heads, dtype=torch.float64, device=x.device)
        return torch.log1p(-(2.0 ** (-5 - head)))

    def _finish(self, o: Tensor, x: Tensor, position: Tensor) -> Tensor:
        """From ``o``, ``[B, ..., heads, dv]``, at positions ``[B, ...]`` of its rows."""
        log_gamma, count = self._log_gamma(x), position.clamp(min=0).double().unsqueeze(-1) + 1
        decays = torch.expm1(count * log_gamma) / torch.expm1(log_gamma)  # 1 + gamma + ...
        o = o * decays.rsqrt().to(x.dtype).unsqueeze(-1)
        o = rms_norm(o, o.shape[-1:], eps=self.eps)
        return self.out(o.flatten(-2) * silu(self.g(x)))

    def _attend(
        self, form: str, x: Tensor, mask: Tensor | None, time: Tensor | None, state: RetentionState
    ) -> tuple[Tensor, RetentionState]:
        length = x.shape[1]
        if mask is None:
            at = state.count.unsqueeze(1) + torch.arange(length, device=x.device)
            count = state.count + length
        else:
            at, count = valid_positions(mask, state.count), state.count + mask.sum(1)
        q, k, v = (y.transpose(1, 2) for y in self._project(x, at))
        last, log_gamma = state.time, self._log_gamma(x).to(x.dtype).view(-1, 1, 1)
        if self.time_unit is not None:
            gap, last, _ = time_gaps(time.double(), mask, state.time, state.count > 0)
            decay = log_gamma * (gap / self.time_unit).to(x.dtype)[:, None, :, None]
        elif mask is None:
            decay = log_gamma.expand(-1, length, -1)
        else:
            decay = log_gamma * mask[:, None, :, None]
        if mask is not None:
            k = torch.where(mask[:, None, :, None], k, 0)
        size = self.chunk_size
        o, memory = linear_attention(q, k, v, decay, state.memory, form=form, chunk_size=size)
        return self._finish(o.transpose(1, 2), x, at), RetentionState(memory, count, last)

    def _in_form(
        self, form: str, x: Tensor, mask: Tensor | None, time: Tensor | None, state: RetentionState
    ) -> tuple[Tensor, RetentionState]:
        return self._attend(form, x, mask, time, state)

    def _step(
        self, x: Tensor, state: RetentionState, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, RetentionState]:
        decay, last = self._log_gamma(x).to(x.dtype).view(-1, 1), state.time
        if self.time_unit is not None:
            now = time.double().unsqueeze(1)
            gap, last, _ = time_gaps(now, None, state.time, state.count > 0)
            decay = decay * (gap / self.time_unit).to(x.dtype).unsqueeze(-1)
        q, k, v = self._project(x, state.count)
        o, memory = linear_attention_step(q, k, v, decay, state.memory)
        return self._finish(o, x, state.count), RetentionState(memory, state.count + 1, last)

    def default_form(self, length: int, device: torch.device) -> str:
        """Chunkwise; a short sequence is one chunk."""
        return "chunkwise"


def _turn(y: Tensor, sin: Tensor, cos: Tensor) -> Tensor:
    """Pairs (2j, 2j + 1) turned by the angles."""
    even, odd = y[..., ::2], y[..., 1::2]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2)


@register("sequence_encoder", "retnet")
class RetNet(BlockStack):
    """Retention (Sun et al. 2023) in blocks with perceptrons.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output.
        hidden_channels: Size inside; ``in_channels`` by default.
        num_layers: Blocks.
        heads: Heads; they divide ``hidden_channels`` into even parts.
        ratio: Width of the perceptrons over ``hidden_channels``.
        activation: ``"gelu"``: perceptrons of two layers with biases; ``"geglu"``: the gated linear
            units of the authors' code; others as for
            :class:`~graphkit.encoders.sequence.stack.FeedForward`, whose gated ones have ``ratio``
            times ``hidden_channels`` here, not two thirds of it.
        dropout: Of each layer's output and in the perceptrons.
        options: Of :class:`Retention`: ``expand_v``, ``rotate``, ``bias``, ``time_unit``, ``eps``,
            ``chunk_size``.

    Parameters: ``num_layers * (hidden_channels * (2 * hidden_channels + 3 * value_channels)
    + bias * 2 * hidden_channels + (2 + gated) * hidden_channels * width
    + (1 - gated) * (width + hidden_channels) + 2 * hidden_channels) + hidden_channels
    + (in_channels != hidden_channels) * hidden_channels * (in_channels + 1)
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
        ratio: float = 2,
        activation: str = "gelu",
        dropout: float = 0.0,
        **options: float,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            hidden_channels,
            num_layers,
            join=lambda hidden: Retention(hidden, heads=heads, **options),
            perceptron=lambda hidden: FeedForward(
                hidden, ratio, activation, dropout, full_width=True
            ),
            dropout=dropout,
        )
        retention, perceptron = self.layers[:2]
        self.value_channels = retention.value_channels
        self.bias, self.gated = retention.q.bias is not None, perceptron.module.gated
