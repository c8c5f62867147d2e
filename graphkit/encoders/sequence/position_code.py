"""Sines and cosines of where a position stands, added to what is there."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.encoders.sequence.masks import valid_positions
from graphkit.encoders.sequence.protocol import FORMS, SequenceEncoder
from graphkit.encoders.sequence.state import State

__all__ = ["PositionCode", "sinusoidal_code"]


class PositionState(State):
    """How many valid positions there were."""

    count: Tensor  # int64 [B]


class PositionCode(SequenceEncoder):
    """Adds the sinusoidal code of the number of each valid position (Vaswani et al. 2017).

    Args:
        channels: Size of input and output.
    """

    forms = frozenset(FORMS)
    own_residual = True

    def __init__(self, channels: int) -> None:
        super().__init__(channels)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> PositionState:
        return PositionState(torch.zeros(batch, dtype=torch.int64, device=device))

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: PositionState
    ) -> tuple[Tensor, PositionState]:
        if mask is None:
            at = state.count.unsqueeze(1) + torch.arange(x.shape[1], device=x.device)
            after = state.count + x.shape[1]
        else:
            at, after = valid_positions(mask, state.count), state.count + mask.sum(1)
        return x + sinusoidal_code(at, self.in_channels, x.dtype), PositionState(after)

    _recurrent = _chunkwise = _parallel

    def _step(
        self, x: Tensor, state: PositionState, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, PositionState]:
        code = sinusoidal_code(state.count, self.in_channels, x.dtype)
        return x + code, PositionState(state.count + 1)


def sinusoidal_code(position: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    """Sines and cosines of positions, wavelengths from 2 pi to 2 pi 10,000.

    Args:
        position: ``[...]``.
        channels: How many; an odd one lacks the last cosine.

    Returns:
        ``[..., channels]``: sines first.
    """
    half = (channels + 1) // 2
    exponent = torch.arange(half, device=position.device, dtype=torch.float64) / max(half - 1, 1)
    angle = position.double().unsqueeze(-1) * (10000.0**-exponent)
    return torch.cat([angle.sin(), angle.cos()], -1)[..., :channels].to(dtype)
