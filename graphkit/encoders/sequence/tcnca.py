r"""TCNCA: a dilated convolution network in front of gated attention inside chunks.

Terzić, Hersche, Karunaratne, Benini, Sebastian, Rahimi, "TCNCA: Temporal Convolution Network with
Chunked Attention for Scalable Sequence Processing", NeurIPS 2023 workshop, arXiv 2312.05605, which
puts a temporal convolution network where MEGA (Ma et al., ICLR 2023, arXiv 2209.10655) has an
exponential moving average. With :math:`n = \mathrm{LayerNorm}(x)` and :math:`m = \mathrm{TCN}(n)`:

.. math::
    v &= \mathrm{silu}(W_v n), \quad
    [u, z, r, g] = W m, \quad
    q = \mathrm{silu}(z) \gamma_1 + \beta_1, \quad k = \mathrm{silu}(z) \gamma_2 + \beta_2 \\
    h &= \mathrm{silu}(g + W_h (\mathrm{silu}(r) \odot
    \mathrm{softmax}(q k^\top / \sqrt{d_z} + b_{i-j}) v)), \quad
    y = x + \sigma(u) \odot (h - x)

Attention sees the positions of one chunk; only the convolutions carry anything across chunks. The
receptive field of the convolutions is :math:`1 + (K - 1)(b^D - 1)/(b - 1)` for D layers of kernel K
and dilations :math:`1, b, b^2, \dots`.

The authors published no code and the sizes of their convolutions could not be found: depthwise
convolutions, silu, K = 5, b = 4, D = 4 and chunks of 64 are our choice, and so is ``simple=True``,
our reading of the simplified model of their associative recall. Chunks count valid positions.
Convolutions have residuals around them, as in the temporal convolution network of Bai, Kolter and
Koltun (arXiv 1803.01271), which is our choice, too: without them the last layer, which begins
small, hides a position from its own query and key, and associative recall was not learned.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.checks import check_count
from graphkit.encoders.sequence.masks import compact, spread
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["TCN", "TCNCA"]


class TCN(nn.Module):
    r"""Dilated convolutions.

    .. math:: u_i = u_{i-1} + \mathrm{silu}(\mathrm{conv}_{K, b^i}(u_{i-1}))

    Args:
        channels: d.
        num_layers: D.
        kernel_size: K; odd if not causal.
        dilation: b.
        depthwise: Each channel alone; otherwise every layer mixes all channels.
        residual: Add each layer's input to its output.
        causal: Pad before the first position only; otherwise on both sides.

    Shapes:
        - **input:** u ``[B, L, d]``, mask bool ``[B, L]`` or ``None``, histories: for each layer
          ``[B, (K - 1) b^i, d]``, what came before (zeros at the start), ``None`` if not causal.
        - **output:** ``[B, L, d]`` and, for each layer, what it has read, ``[B, P + L, d]``.
    """

    def __init__(
        self,
        channels: int,
        num_layers: int = 4,
        kernel_size: int = 5,
        dilation: int = 4,
        *,
        depthwise: bool = True,
        residual: bool = True,
        causal: bool = True,
    ) -> None:
        super().__init__()
        if not causal and kernel_size % 2 == 0:
            raise GraphError(
                "kernel_size", "it must be odd to see both sides alike", got=kernel_size
            )
        self.channels = check_count(channels, "channels")
        self.num_layers = check_count(num_layers, "num_layers")
        self.kernel_size = check_count(kernel_size, "kernel_size")
        self.dilation = check_count(dilation, "dilation")
        self.depthwise, self.residual = depthwise, residual
        self.causal = causal
        shape = (channels,) if depthwise else (channels, channels)
        self.weight = nn.Parameter(torch.empty(num_layers, kernel_size, *shape))  # [.., in, out]
        self.bias = nn.Parameter(torch.empty(num_layers, channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Kaiming normal by fan-in, the last layer times 0.1, so that a block begins gently."""
        fan_in = self.kernel_size * (1 if self.depthwise else self.channels)
        nn.init.normal_(self.weight, std=math.sqrt(2 / fan_in))
        nn.init.zeros_(self.bias)
        with torch.no_grad():
            self.weight[-1] *= 0.1

    @property
    def paddings(self) -> list[int]:
        """Positions before the present that each layer reads, ``(K - 1) b^i``."""
        return [(self.kernel_size - 1) * self.dilation**i for i in range(self.num_layers)]

    @property
    def receptive_field(self) -> int:
        """Positions that an output can depend on."""
        return 1 + sum(self.paddings)

    def forward(
        self, u: Tensor, mask: Tensor | None, histories: list[Tensor] | None
    ) -> tuple[Tensor, list[Tensor]]:
        read = []
        for layer, padding in enumerate(self.paddings):
            if mask is not None:
                u = torch.where(mask[..., None], u, 0)
            if self.causal:
                u = torch.cat([histories[layer], u], 1)
            else:
                u = F.pad(u, (0, 0, padding // 2, padding // 2))
            read.append(u)
            new = F.silu(self._convolve(u, layer, u.shape[1] - padding))
            before = padding if self.causal else padding // 2
            u = u[:, before : before + new.shape[1]] + new if self.residual else new
        return u, read

    def _convolve(self, u: Tensor, layer: int, length: int) -> Tensor:
        """Sums shifted copies: as many products as taps, on contiguous channels."""
        out = self.bias[layer]
        for tap in range(self.kernel_size):
            first = tap * self.dilation**layer
            part, weight = u[:, first : first + length], self.weight[layer, tap]
            out = torch.addcmul(out, part, weight) if self.depthwise else out + part @ weight
        return out

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, num_layers={self.num_layers}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}"
        )


class TCNCAState(State):
    """State of :class:`TCNCA`; the chunk in progress and what each convolution has read last."""

    length: Tensor  # int64 [B], positions of the chunk so far, below c
    key: Tensor  # [B, c, d_z]
    value: Tensor  # [B, c, d_v]
    histories: State  # of [B, (K - 1) b^i, d]


@register("sequence_encoder", "tcnca")
class TCNCA(SequenceEncoder):
    r"""One TCNCA layer (Terzić et al. 2023): dilated convolutions, then gated attention in chunks.

    Costs :math:`O(L (K D d + c d + d^2))` for L positions and, causal, as much per step with
    :math:`d \sum_i (K - 1) b^i + c (d_z + d_v) + 1` numbers of state.

    Parameters: ``(in_channels != out_channels) * (in_channels + 1) * out_channels
    + 2 * out_channels + tcn_layers * out_channels * (kernel_size * conv_fan_in + 1)
    + (out_channels + 1) * (value_channels + mixed_channels) + (1 - simple) * 4 * key_channels
    + (value_channels + 1) * out_channels + num_offsets``

    Args:
        in_channels: C.
        out_channels: C', the width d of the layer; other inputs go through a linear map first.
        chunk_size: c.
        key_channels: :math:`d_z`; d / 2 by default, at least 8.
        value_channels: :math:`d_v`; 2 d by default.
        tcn_layers, kernel_size, dilation, depthwise, residual: Of the convolutions, see
            :class:`TCN`.
        causal: Whether an output may depend on earlier positions only. Otherwise convolutions are
            symmetric and a position sees its whole chunk.
        simple: :math:`y = x + W_o \mathrm{Attention}(\mathrm{TCN}(n))` with linear queries, keys
            and values, without gates.

    Raises:
        GraphError: Sizes that are no positive integers; an even kernel if not causal.
    """

    forms = frozenset({"parallel", "recurrent"})

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        chunk_size: int = 64,
        *,
        key_channels: int | None = None,
        value_channels: int | None = None,
        tcn_layers: int = 4,
        kernel_size: int = 5,
        dilation: int = 4,
        depthwise: bool = True,
        residual: bool = True,
        causal: bool = True,
        simple: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels)
        d = self.out_channels
        self.causal = causal
        if not causal:
            self.forms = frozenset({"parallel"})
        self.simple = simple
        self.chunk_size = check_count(chunk_size, "chunk_size")
        self.key_channels = check_count(key_channels or max(8, d // 2), "key_channels")
        self.value_channels = check_count(value_channels or 2 * d, "value_channels")
        d_z, d_v = self.key_channels, self.value_channels
        self.tcn_layers, self.kernel_size = tcn_layers, kernel_size
        self.conv_fan_in = 1 if depthwise else d
        self.mixed_channels = 2 * d_z if simple else 2 * d + d_z + d_v
        self.num_offsets = self.chunk_size if causal else 2 * self.chunk_size - 1
        self.lin_in = nn.Linear(in_channels, d) if in_channels != d else nn.Identity()
        self.norm = nn.LayerNorm(d)
        self.tcn = TCN(
            d, tcn_layers, kernel_size, dilation,
            depthwise=depthwise, residual=residual, causal=causal,
        )  # fmt: skip
        self.lin_value = nn.Linear(d, d_v)
        self.lin = nn.Linear(d, self.mixed_channels)
        if not simple:
            self.gamma = nn.Parameter(torch.empty(2, d_z))
            self.beta = nn.Parameter(torch.empty(2, d_z))
        self.lin_out = nn.Linear(d_v, d)
        self.position_bias = nn.Parameter(torch.empty(self.num_offsets))  # i - j from 0 or 1 - c
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights, scales and position biases from N(0, 0.02), other biases 0, as MEGA has them.

        ``simple`` layers take torch's linear weights: without the gates of MEGA, queries and keys
        of that size would begin without any preference.
        """
        for module in (self.norm, self.tcn):
            module.reset_parameters()
        for module in (self.lin_value, self.lin, self.lin_out):
            if self.simple:
                module.reset_parameters()
            else:
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        if isinstance(self.lin_in, nn.Linear):
            self.lin_in.reset_parameters()
        if not self.simple:
            nn.init.normal_(self.gamma, std=0.02)
            nn.init.zeros_(self.beta)
        nn.init.normal_(self.position_bias, std=0.02)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        if not self.causal:
            return State()
        options = {"device": device, "dtype": dtype}
        return TCNCAState(
            torch.zeros(batch, device=device, dtype=torch.long),
            torch.zeros(batch, self.chunk_size, self.key_channels, **options),
            torch.zeros(batch, self.chunk_size, self.value_channels, **options),
            State(
                *(
                    torch.zeros(batch, padding, self.out_channels, **options)
                    for padding in self.tcn.paddings
                )
            ),
        )

    def _step(
        self, x: Tensor, state: Any, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, Any]:
        x = self.lin_in(x)
        normed = self.norm(x)
        m, read = self.tcn(normed.unsqueeze(1), None, list(state.histories))
        q, k, v, rest = self._heads(normed, m.squeeze(1))
        at = torch.arange(self.chunk_size, device=x.device)
        here = at == state.length[:, None]
        keys = torch.where(here[..., None], k.unsqueeze(1), state.key)
        values = torch.where(here[..., None], v.unsqueeze(1), state.value)
        offset = state.length[:, None] - at
        score = torch.einsum("bz,bjz->bj", q, keys) / math.sqrt(self.key_channels)
        score = score + self.position_bias[offset.clamp(min=0)]
        weight = score.masked_fill(offset < 0, -math.inf).softmax(1)
        y = self._gate(x, torch.einsum("bj,bjv->bv", weight, values), rest)
        length = state.length + 1
        full = length == self.chunk_size
        return y, TCNCAState(
            torch.where(full, 0, length),
            torch.where(full[:, None, None], 0, keys),
            torch.where(full[:, None, None], 0, values),
            State(*(r[:, 1:] for r in read)),
        )

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: Any
    ) -> tuple[Tensor, Any]:
        order = lengths = None
        if mask is not None:  # valid positions first: chunks and convolutions count these only
            x, order, lengths = compact(x, mask)
            mask = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        x = self.lin_in(x)
        normed = self.norm(x)
        m, read = self.tcn(normed, mask, list(state.histories) if self.causal else None)
        q, k, v, rest = self._heads(normed, m)
        if self.causal:
            weighted, chunk = self._attend_causal(q, k, v, lengths, state)
            histories = (last_rows(r, p, lengths) for r, p in zip(read, self.tcn.paddings))
            state = TCNCAState(*chunk, State(*histories))
        else:
            weighted = self._attend_both(q, k, v, mask)
        y = self._gate(x, weighted, rest)
        return (y if order is None else spread(y, order)), state

    def _heads(self, normed: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor, Any]:
        """Queries, keys, values, and what the gates need."""
        if self.simple:
            q, k = self.lin(m).chunk(2, -1)
            return q, k, self.lin_value(m), None
        d, d_z, d_v = self.out_channels, self.key_channels, self.value_channels
        u, z, r, g = self.lin(m).split([d, d_z, d_v, d], -1)
        z = F.silu(z)
        q, k = (torch.addcmul(self.beta[i], z, self.gamma[i]) for i in (0, 1))
        return q, k, F.silu(self.lin_value(normed)), (u, r, g)

    def _gate(self, x: Tensor, weighted: Tensor, rest: Any) -> Tensor:
        if rest is None:
            return x + self.lin_out(weighted)
        u, r, g = rest
        h = F.silu(g + self.lin_out(F.silu(r) * weighted))
        return torch.lerp(x, h.to(x.dtype), torch.sigmoid(u).to(x.dtype))

    def _attend_causal(
        self, q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | None, state: TCNCAState
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Attention in chunks that go on where the last call stopped in the middle of one."""
        c, length = self.chunk_size, q.shape[1]
        # Column p of the shifted rows is position p of the first chunk, cached positions included.
        at = state.length[:, None] + torch.arange(length, device=q.device)
        width = -(-(length + c - 1) // c) * c
        q = _place(q.new_zeros(len(q), width, q.shape[-1]), q, at)
        k = _place(F.pad(state.key, (0, 0, 0, width - c)), k, at)
        v = _place(F.pad(state.value, (0, 0, 0, width - c)), v, at)
        index = torch.arange(c, device=q.device)
        offset = index[:, None] - index
        bias = self.position_bias[offset.clamp(min=0)].masked_fill(offset < 0, -math.inf)
        weighted = self._chunks(q, k, v, bias)
        weighted = weighted.gather(1, at[..., None].expand(-1, -1, v.shape[-1]))
        total = state.length + (length if lengths is None else lengths)
        rest = total % c
        left = (total - rest)[:, None] + index
        inside = (index < rest[:, None])[..., None]
        left = left.clamp(max=width - 1)[..., None]
        key = torch.where(inside, k.gather(1, left.expand(-1, -1, k.shape[-1])), 0)
        value = torch.where(inside, v.gather(1, left.expand(-1, -1, v.shape[-1])), 0)
        return weighted, (rest, key, value)

    def _attend_both(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        c, length = self.chunk_size, q.shape[1]
        extra = -length % c
        if mask is None:
            mask = torch.ones(q.shape[:2], dtype=torch.bool, device=q.device)
        q, k, v = (F.pad(part, (0, 0, 0, extra)) for part in (q, k, v))
        index = torch.arange(c, device=q.device)
        bias = self.position_bias[index[:, None] - index + c - 1]
        valid = F.pad(mask, (0, extra)).view(len(q), -1, 1, c)
        # A chunk without a valid key attends to all of its zeros; nobody reads the result.
        hidden = ~valid & valid.any(-1, keepdim=True)
        weighted = self._chunks(q, k, v, bias.masked_fill(hidden, -math.inf))
        return weighted[:, :length]

    def _chunks(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        q, k, v = (
            part.reshape(len(part), -1, self.chunk_size, part.shape[-1]) for part in (q, k, v)
        )
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, chunk_size={self.chunk_size}, causal={self.causal}"


def _place(into: Tensor, values: Tensor, at: Tensor) -> Tensor:
    return into.scatter(1, at[..., None].expand_as(values), values.to(into.dtype))


def last_rows(read: Tensor, count: int, lengths: Tensor | None) -> Tensor:
    """The last ``count`` positions of ``read [B, count + L, d]``, of which L or lengths are new."""
    if lengths is None:
        return read[:, read.shape[1] - count :]
    at = lengths[:, None] + torch.arange(count, device=read.device)
    return read.gather(1, at[..., None].expand(-1, -1, read.shape[-1]))
