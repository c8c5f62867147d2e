"""Times for encoders that have no use for them: as features of each position."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphkit.checks import check_count
from graphkit.encoders.sequence.masks import time_gaps, valid_positions
from graphkit.encoders.sequence.position_code import sinusoidal_code
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError

__all__ = ["WithTimeGap"]


class TimeGapState(State):
    """When the last valid position was, how many there were, and the encoder's state."""

    time: Tensor  # float64 [B]
    count: Tensor  # int64 [B]
    inner: State


class WithTimeGap(SequenceEncoder):
    r"""An encoder that also reads :math:`\log(1 + (t_l - t_{l-1}) / \mathrm{scale})` (our choice).

    The gap is to the last valid position before, and 0 at the first one. Optionally a sinusoidal
    code of the number of the valid position is appended too, for encoders that do not see order.

    Args:
        encoder: Its ``in_channels`` count the appended ones: 1 for the gap, and the code's.
        code_channels: Size of the code, even; 0 for none.
        scale: Time that counts as one unit.

    Times may be integers or floats of any unit; they are held as float64.
    """

    needs_time = True

    def __init__(
        self, encoder: SequenceEncoder, code_channels: int = 0, scale: float = 1.0
    ) -> None:
        code_channels = check_count(code_channels, "code_channels", at_least=0)
        if code_channels % 2:
            raise GraphError("code_channels", "pairs of sine and cosine", got=code_channels)
        if encoder.in_channels < 2 + code_channels:
            raise GraphError(
                "encoder",
                "its input has no room for the gap and something beside it",
                expected=f"in_channels of at least {2 + code_channels}",
                got=encoder.in_channels,
            )
        if not scale > 0 or math.isinf(scale):
            raise GraphError("scale", "a unit of time", expected="a positive number", got=scale)
        super().__init__(encoder.in_channels - 1 - code_channels, encoder.out_channels)
        self.encoder, self.code_channels, self.scale = encoder, code_channels, scale
        self.causal, self.forms = encoder.causal, encoder.forms
        self.state_is_constant = encoder.state_is_constant

    def default_form(self, length: int, device: torch.device) -> str:
        """That of the encoder."""
        return self.encoder.default_form(length, device)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> TimeGapState:
        return TimeGapState(
            torch.zeros(batch, dtype=torch.float64, device=device),
            torch.zeros(batch, dtype=torch.int64, device=device),
            self.encoder.init_state(batch, device, dtype),
        )

    def _append(
        self, x: Tensor, mask: Tensor | None, time: Tensor, state: TimeGapState
    ) -> tuple[Tensor, TimeGapState]:
        gap, last, _ = time_gaps(time.double(), mask, state.time, state.count > 0)
        parts = [x, torch.log1p(gap / self.scale).to(x.dtype).unsqueeze(-1)]
        valid = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
        if self.code_channels:
            at = valid_positions(valid, state.count)
            parts.append(sinusoidal_code(at, self.code_channels, x.dtype))
        return torch.cat(parts, -1), TimeGapState(last, state.count + valid.sum(1), state.inner)

    def _run(
        self, form: str, x: Tensor, mask: Tensor | None, time: Tensor, state: TimeGapState
    ) -> tuple[Tensor, TimeGapState]:
        x, after = self._append(x, mask, time, state)
        if not self.causal:
            return self.encoder(x, mask, time, form=form), state
        y, inner = self.encoder(x, mask, time, state.inner, True, form)
        return y, after.replace(inner=inner)

    def _step(
        self, x: Tensor, state: TimeGapState, mask: Tensor | None, time: Tensor
    ) -> tuple[Tensor, TimeGapState]:
        seen = None if mask is None else mask.unsqueeze(1)
        x, after = self._append(x.unsqueeze(1), seen, time.unsqueeze(1), state)
        y, inner = self.encoder.step(x.squeeze(1), state.inner, mask, time)
        return y, after.replace(inner=inner)

    def _recurrent(
        self, x: Tensor, mask: Tensor | None, time: Tensor, state: TimeGapState
    ) -> tuple[Tensor, TimeGapState]:
        return self._run("recurrent", x, mask, time, state)

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor, state: TimeGapState
    ) -> tuple[Tensor, TimeGapState]:
        return self._run("parallel", x, mask, time, state)

    def _chunkwise(
        self, x: Tensor, mask: Tensor | None, time: Tensor, state: TimeGapState
    ) -> tuple[Tensor, TimeGapState]:
        return self._run("chunkwise", x, mask, time, state)
