r"""Gated linear attention: a matrix of constant size, which each position fades and adds to.

Yang, Wang, Shen, Panda, Kim: "Gated Linear Attention Transformers with Hardware-Efficient
Training", ICML 2024, arXiv 2312.06635. Per head, with queries and keys in :math:`R^{d_k}` and
values in :math:`R^{d_v}`,

.. math::
    \log a_t &= \mathrm{logsigmoid}(W_2 W_1 x_t + b) / \tau \\
    S_t &= \mathrm{diag}(a_t) S_{t-1} + k_t v_t^\top, \qquad
    o_t = S_t^\top q_t / \sqrt{d_k} \\
    y_t &= W_o \big( \mathrm{RMSNorm}_{head}(o_t) \odot \mathrm{swish}(W_g x_t) \big)

with :math:`\tau = 16`, gates of rank 16, keys of half the width, no positional code. A block is
norm, attention, residual, norm, SwiGLU perceptron, residual.

Departures: ``gate_bias`` may start the gates nearer to 1 than the authors' 0 (a half-life of 16
positions), for long histories; ``conv_kernel`` puts a causal convolution before the first block
(the authors' code has an option of convolutions of q, k and v instead).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, silu

from graphkit.checks import check_count
from graphkit.encoders.sequence.blocks import BlockStack
from graphkit.encoders.sequence.causal_conv import CausalConv
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.stack import FeedForward
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError
from graphkit.ops.linear_attention import linear_attention, linear_attention_step
from graphkit.registry import register

__all__ = ["GLA", "GatedLinearAttention"]


class GLAState(State):
    """What all positions so far have written, faded."""

    memory: Tensor  # [B, heads, dk, dv]


class GatedLinearAttention(SequenceEncoder):
    """The layer; see the module's equations.

    Args:
        channels: Size d of input and output.
        heads: Heads.
        expand_k: Size of all keys over d.
        expand_v: Size of all values over d.
        gate_rank: Rank of the gate's projection.
        tau: Divides the log of the gate.
        gate_bias: What the gate's bias starts from: a number, or the two ends of a range that is
            spread over the channels.
        chunk_size: Of the chunkwise form.
        kernels: ``"torch"`` or ``"fla"``, see
            :func:`~graphkit.ops.linear_attention.op.linear_attention`.
    """

    forms = frozenset({"parallel", "chunkwise", "recurrent"})

    def __init__(
        self,
        channels: int,
        *,
        heads: int = 4,
        expand_k: float = 0.5,
        expand_v: float = 1.0,
        gate_rank: int = 16,
        tau: float = 16.0,
        gate_bias: float | tuple[float, float] = 0.0,
        chunk_size: int = 32,
        kernels: str = "torch",
    ) -> None:
        super().__init__(channels)
        self.heads, self.tau, self.gate_bias = check_count(heads, "heads"), tau, gate_bias
        self.chunk_size, self.kernels = check_count(chunk_size, "chunk_size"), kernels
        self.key_channels = round(channels * expand_k)
        self.value_channels = round(channels * expand_v)
        for name, size in (("keys", self.key_channels), ("values", self.value_channels)):
            if size == 0 or size % heads:
                raise GraphError(
                    "heads",
                    f"they do not divide the {size} channels of the {name}",
                    got=heads,
                    fix="Change heads or hidden_channels.",
                )
        self.q = nn.Linear(channels, self.key_channels, bias=False)
        self.k = nn.Linear(channels, self.key_channels, bias=False)
        self.v = nn.Linear(channels, self.value_channels, bias=False)
        self.g = nn.Linear(channels, self.value_channels, bias=False)
        self.gate = nn.Sequential(
            nn.Linear(channels, gate_rank, bias=False), nn.Linear(gate_rank, self.key_channels)
        )
        self.norm = nn.RMSNorm(self.value_channels // heads, eps=1e-5)
        self.out = nn.Linear(self.value_channels, channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew: Xavier-uniform; the gate's bias as given."""
        self.norm.reset_parameters()
        for layer in (self.q, self.k, self.v, self.g, self.out, *self.gate):
            nn.init.xavier_uniform_(layer.weight)
        low, high = self.gate_bias if isinstance(self.gate_bias, tuple) else [self.gate_bias] * 2
        with torch.no_grad():
            self.gate[1].bias.copy_(torch.linspace(low, high, self.key_channels))

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> GLAState:
        size = (self.heads, self.key_channels // self.heads, self.value_channels // self.heads)
        return GLAState(torch.zeros(batch, *size, device=device, dtype=dtype))

    def _project(self, x: Tensor, mask: Tensor | None) -> list[Tensor]:
        """q, k, v and the log of the gate, ``[B, ..., heads, d]``; nothing where invalid."""
        gate = logsigmoid(self.gate(x)) / self.tau
        parts = [y.unflatten(-1, (self.heads, -1)) for y in (self.q(x), self.k(x), self.v(x), gate)]
        parts[0] = parts[0] * (self.key_channels // self.heads) ** -0.5
        if mask is not None:  # an input of 0 has a key of 0 already
            parts[3] = torch.where(mask.unsqueeze(-1).unsqueeze(-1), parts[3], 0)
        return parts

    def _finish(self, o: Tensor, x: Tensor) -> Tensor:
        return self.out(self.norm(o).flatten(-2) * silu(self.g(x)))

    def _attend(
        self, form: str, x: Tensor, mask: Tensor | None, state: GLAState
    ) -> tuple[Tensor, GLAState]:
        parts = (y.transpose(1, 2) for y in self._project(x, mask))
        o, memory = linear_attention(
            *parts, state.memory, form=form, chunk_size=self.chunk_size, kernels=self.kernels
        )
        return self._finish(o.transpose(1, 2), x), GLAState(memory)

    def _in_form(
        self, form: str, x: Tensor, mask: Tensor | None, time: Tensor | None, state: GLAState
    ) -> tuple[Tensor, GLAState]:
        return self._attend(form, x, mask, state)

    def _step(
        self, x: Tensor, state: GLAState, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, GLAState]:
        o, memory = linear_attention_step(*self._project(x, None), state.memory)
        return self._finish(o, x), GLAState(memory)

    def default_form(self, length: int, device: torch.device) -> str:
        """Chunkwise; a short sequence is one chunk."""
        return "chunkwise"


@register("sequence_encoder", "gla")
class GLA(BlockStack):
    """Gated linear attention (Yang et al. 2024) in blocks with SwiGLU perceptrons.

    Args:
        in_channels: Size of each input.
        out_channels: Size of each output.
        hidden_channels: Size inside; ``in_channels`` by default.
        num_layers: Blocks.
        heads: Heads; they divide half of ``hidden_channels``.
        conv_kernel: Kernel of a causal convolution before the first block; 0 for none.
        ratio: Width of the perceptrons over ``hidden_channels``, before SwiGLU's two thirds.
        dropout: Of each layer's output and in the perceptrons.
        options: Of :class:`GatedLinearAttention`: ``expand_k``, ``tau``, ``gate_bias`` and so on.

    Parameters: ``num_layers * (hidden_channels * (2 * key_channels + 3 * value_channels)
    + 16 * hidden_channels + 17 * key_channels + value_channels // heads
    + 3 * hidden_channels * width + 2 * hidden_channels) + hidden_channels
    + (conv_kernel > 0) * hidden_channels * (conv_kernel + 2)
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
        conv_kernel: int = 0,
        ratio: float = 4,
        dropout: float = 0.0,
        **options: float,
    ) -> None:
        before = check_count(conv_kernel, "conv_kernel", at_least=0) > 0
        super().__init__(
            in_channels,
            out_channels,
            hidden_channels,
            num_layers,
            join=lambda hidden: GatedLinearAttention(hidden, heads=heads, **options),
            perceptron=lambda hidden: FeedForward(hidden, ratio, "swiglu", dropout),
            first=(lambda hidden: CausalConv(hidden, conv_kernel)) if before else None,
            dropout=dropout,
        )
        self.heads, self.conv_kernel = heads, conv_kernel
        attention = self.layers[-2]
        self.key_channels, self.value_channels = attention.key_channels, attention.value_channels
