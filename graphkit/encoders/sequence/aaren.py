r"""Aaren: softmax attention with one query for all positions, which is a recurrence.

Feng, Tung, Hajimirsadeghi, Ahmed, Bengio, Mori: "Attention as an RNN", arXiv 2405.13956. The query
q of a head is a parameter and does not depend on the position, so with
:math:`s_t = \langle q, W_k x_t \rangle / \sqrt{d_k}` and :math:`v_t = W_v x_t`

.. math::
    o_t = \sum_{i \le t} e^{s_i} v_i \Big/ \sum_{i \le t} e^{s_i}, \qquad y_t = W_o\, o_t

can be rolled along with a running maximum, denominator and numerator, in constant memory
(:mod:`graphkit.ops.softmax_scan`). Blocks are those of a Transformer: norm, attention, residual,
norm, perceptron, residual.

A query that does not move sees a prefix as a set: order has to be in the input. Our choices: a
sinusoidal code of the number of the valid position (times through ``WithTimeGap``); one query per
layer, drawn from N(0, 1/d_k), and no projection of it; Xavier-uniform weights, zero biases. The
scores are computed as :math:`(q^\top W_k) x`, which is the same and cheaper.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphkit.checks import check_count
from graphkit.encoders.sequence.blocks import BlockStack
from graphkit.encoders.sequence.position_code import PositionCode
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.stack import FeedForward
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError
from graphkit.ops.softmax_scan import Softmax, merge_softmax, softmax_scan, softmax_value
from graphkit.registry import register

__all__ = ["Aaren", "AarenAttention"]


class AarenState(State):
    """The softmax over all positions so far."""

    m: Tensor  # [B, heads], largest score; -inf at the start
    u: Tensor  # [B, heads], denominator
    w: Tensor  # [B, heads, d], numerator


class AarenAttention(SequenceEncoder):
    """The layer; see the module's equations.

    Args:
        channels: Size of input and output; a multiple of ``heads``.
        heads: Heads.
        chunk_size: Of the chunkwise form.

    Parameters: ``3 * in_channels * (in_channels + 1) + in_channels``
    """

    forms = frozenset({"parallel", "chunkwise", "recurrent"})

    def __init__(self, channels: int, *, heads: int = 4, chunk_size: int = 64) -> None:
        super().__init__(channels)
        self.heads = check_count(heads, "heads")
        self.chunk_size = check_count(chunk_size, "chunk_size")
        if channels % heads:
            raise GraphError("heads", "they do not divide the channels", got=heads)
        self.query = nn.Parameter(torch.empty(heads, channels // heads))
        self.k = nn.Linear(channels, channels)
        self.v = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        nn.init.normal_(self.query, std=self.query.shape[1] ** -0.5)
        for layer in (self.k, self.v, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> AarenState:
        zeros = torch.zeros(batch, *self.query.shape, device=device, dtype=dtype)
        return AarenState(torch.full_like(zeros[..., 0], -torch.inf), zeros[..., 0], zeros)

    def _scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``[B, ..., heads]`` and values ``[B, ..., heads, d]``."""
        scale = self.query.shape[1] ** -0.5
        weight = self.k.weight.view(*self.query.shape, -1)
        weight = (self.query.unsqueeze(-1) * weight).sum(1)  # [heads, channels]
        bias = (self.query * self.k.bias.view_as(self.query)).sum(1)
        score = nn.functional.linear(x, weight, bias) * scale
        return score, self.v(x).unflatten(-1, (self.heads, -1))

    def _attend(
        self, form: str, x: Tensor, mask: Tensor | None, state: AarenState
    ) -> tuple[Tensor, AarenState]:
        s, v = self._scores(x)
        if mask is not None:
            s = torch.where(mask.unsqueeze(-1), s, -torch.inf)
        o, last = softmax_scan(
            s.transpose(1, 2),
            v.transpose(1, 2),
            Softmax(*state),
            form=form,
            chunk_size=self.chunk_size,
        )
        return self.out(o.transpose(1, 2).flatten(-2)), AarenState(*last)

    def _in_form(
        self, form: str, x: Tensor, mask: Tensor | None, time: Tensor | None, state: AarenState
    ) -> tuple[Tensor, AarenState]:
        return self._attend(form, x, mask, state)

    def _step(
        self, x: Tensor, state: AarenState, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, AarenState]:
        s, v = self._scores(x)
        merged = merge_softmax(Softmax(*state), Softmax(s, torch.ones_like(s), v))
        return self.out(softmax_value(merged).flatten(-2)), AarenState(*merged)


@register("sequence_encoder", "aaren")
class Aaren(BlockStack):
    """Attention as a recurrence (Feng et al. 2024): one query per layer, Transformer blocks.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output.
        hidden_channels: Size inside; ``in_channels`` by default.
        num_layers: Pairs of attention and perceptron.
        heads: Heads; they divide ``hidden_channels``.
        position: Whether to add codes of position.
        ratio: Width of the perceptrons over ``hidden_channels``.
        dropout: Of each layer's output and in the perceptrons.
        chunk_size: Of the chunkwise form.

    Parameters: ``num_layers * (3 * hidden_channels * (hidden_channels + 1) + hidden_channels
    + 2 * hidden_channels * width + width + hidden_channels + 4 * hidden_channels)
    + 2 * hidden_channels
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
        position: bool = True,
        ratio: float = 4,
        dropout: float = 0.0,
        chunk_size: int = 64,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            hidden_channels,
            num_layers,
            join=lambda hidden: AarenAttention(hidden, heads=heads, chunk_size=chunk_size),
            perceptron=lambda hidden: FeedForward(hidden, ratio, dropout=dropout),
            first=PositionCode if position else None,
            norm="layer",
            dropout=dropout,
        )
