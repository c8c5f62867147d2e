"""A short causal convolution per channel, over valid positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from graphkit.checks import check_count
from graphkit.encoders.sequence.masks import align_end
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State

__all__ = ["CausalConv"]


class ConvState(State):
    """The last valid inputs."""

    last: Tensor  # [B, kernel_size - 1, C]


class CausalConv(SequenceEncoder):
    r"""Depthwise: :math:`y_t = \sum_{j<K} w_j \odot x_{t-j} + b`, where t counts valid positions.

    Placed in front of linear attention it lets a position see its neighbours.

    Args:
        channels: Size of input and output.
        kernel_size: K.

    Parameters: ``in_channels * (kernel_size + 1)``
    """

    forms = frozenset({"parallel", "chunkwise", "recurrent"})

    def __init__(self, channels: int, kernel_size: int = 4) -> None:
        super().__init__(channels)
        self.kernel_size = check_count(kernel_size, "kernel_size")
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel_size))
        self.bias = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew: uniform within 1 / sqrt(K)."""
        bound = self.kernel_size**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> ConvState:
        size = (batch, self.kernel_size - 1, self.in_channels)
        return ConvState(torch.zeros(size, device=device, dtype=dtype))

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: ConvState
    ) -> tuple[Tensor, ConvState]:
        before, length = self.kernel_size - 1, x.shape[1]
        x = torch.cat([state.last, x], 1)
        if mask is not None:
            whole = torch.cat([mask.new_ones(mask.shape[0], before), mask], 1)
            x, slot = align_end(x, whole, 1)
        y = conv1d(x.transpose(1, 2), self.weight, self.bias, groups=self.in_channels)
        y = y.transpose(1, 2)
        after = ConvState(x[:, x.shape[1] - before :])
        if mask is not None:
            at = (slot[:, before:] - before).clamp(min=0)
            y = y.gather(1, at.unsqueeze(-1).expand(-1, length, self.in_channels))
        return y, after

    _chunkwise = _recurrent = _parallel

    def _step(
        self, x: Tensor, state: ConvState, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, ConvState]:
        window = torch.cat([state.last, x.unsqueeze(1)], 1)
        y = (window * self.weight.squeeze(1).T).sum(1) + self.bias
        return y, ConvState(window[:, 1:])

    def extra_repr(self) -> str:
        return f"{self.in_channels}, kernel_size={self.kernel_size}"
