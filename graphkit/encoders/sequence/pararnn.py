r"""ParaGRU and ParaLSTM: nonlinear recurrent networks that train in parallel over time.

Danieli, Rodriguez, Sarabia, Suau, Zappella, "ParaRNN: Unlocking Parallel Training of Nonlinear RNNs
for Large Language Models", ICLR 2026, arXiv 2510.21450.

Recurrent weights act on each channel alone (equations: :mod:`graphkit.ops.trajectory.cells`);
channels mix in the projection of the input and in the layers around. Jacobians are then numbers
(ParaGRU) or 2 x 2 blocks (ParaLSTM), and Newton's method over the whole trajectory takes a few
scans (:mod:`graphkit.ops.trajectory`). Unlike linear recurrences, these cells can count and track
states (parity).

Departures from the paper's code, all our choice: iterations stop at a tolerance instead of after
three (three leave an error of about 1e-8), rows that do not converge are computed sequentially and
counted; a start state and masks are supported; one dense input projection by default (``heads=1``)
instead of two blocks, so that any width will do. The cell is the layer: norms, convolutions, gates
and residuals of the paper's language model are what :class:`SequenceStack` builds around it.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError
from graphkit.ops.trajectory import NewtonReport, trajectory
from graphkit.ops.trajectory.cells import PARA_GRU, PARA_LSTM, ParaCell
from graphkit.registry import register

__all__ = ["ParaGRU", "ParaLSTM"]

# Positions, on a CPU: measured with 64 channels, one row is faster from 64 on, eight from 256.
_LOOP_IS_FASTER = 256


class GRUState(State):
    """State of :class:`ParaGRU`."""

    h: Tensor  # [B, C']


class LSTMState(State):
    """State of :class:`ParaLSTM`."""

    c: Tensor  # [B, C']
    h: Tensor  # [B, C']


class _ParaRNN(SequenceEncoder):
    causal = True
    forms = frozenset({"parallel", "recurrent"})
    cell: ClassVar[ParaCell]
    state_class: ClassVar[type[State]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        heads: int = 1,
        *,
        tolerance: float | None = None,
        max_iterations: int = 12,
        max_weight: float | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels)
        if heads < 1 or self.in_channels % heads or self.out_channels % heads:
            raise GraphError(
                "heads",
                "the channels do not divide into heads",
                expected=f"a divisor of {self.in_channels} and {self.out_channels}",
                got=heads,
            )
        self.heads = heads
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.max_weight = max_weight
        gates = self.cell.num_inputs
        self.weight_input = nn.Parameter(
            torch.empty(gates, heads, self.in_channels // heads, self.out_channels // heads)
        )
        self.bias = nn.Parameter(torch.empty(gates, self.out_channels))
        self.weight_state = nn.Parameter(torch.empty(self.cell.num_weights, self.out_channels))
        self.newton = NewtonReport()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """State weights from N(0, 4 / 5C'), the projection Xavier uniform per head, biases 0 but
        the first gate's, which fall from 0 to -1 over the channels."""
        nn.init.normal_(self.weight_state, std=2 / math.sqrt(5 * self.out_channels))
        fan_in, fan_out = self.weight_input.shape[2:]
        bound = math.sqrt(6 / (fan_in + fan_out))
        nn.init.uniform_(self.weight_input, -bound, bound)
        nn.init.zeros_(self.bias)
        with torch.no_grad():
            self.bias[0] = -torch.linspace(0, 1, self.out_channels)

    def default_form(self, length: int, device: torch.device) -> str:
        """A loop for short sequences on a CPU, Newton's method otherwise."""
        short = device.type == "cpu" and length < _LOOP_IS_FASTER
        return "recurrent" if short else "parallel"

    def _weights(self) -> Tensor:
        bound = self.max_weight
        return self.weight_state if bound is None else self.weight_state.clamp(-bound, bound)

    def _project(self, x: Tensor) -> Tensor:
        """``[..., C]`` to the planes ``[G, ..., C']``."""
        gates, heads, fan_in, _ = self.weight_input.shape
        rows = x.reshape(-1, heads, fan_in).transpose(0, 1)  # [H, N, C / H]
        if heads == 1:
            planes = torch.baddbmm(
                self.bias.unsqueeze(1), rows.expand(gates, -1, -1), self.weight_input[:, 0]
            )
        else:
            planes = torch.matmul(rows, self.weight_input).transpose(1, 2)
            planes = planes.reshape(gates, -1, self.out_channels) + self.bias.unsqueeze(1)
        # Under autocast products are bfloat16; the recurrence is computed as the state is.
        planes = planes.to(self.weight_state.dtype)
        return planes.view(gates, *x.shape[:-1], self.out_channels)

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> State:
        zero = torch.zeros(batch, self.out_channels, device=device, dtype=dtype)
        return self.state_class(*[zero] * self.cell.num_states)

    def _step(
        self, x: Tensor, state: State, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, State]:
        new = self.cell.value(torch.stack(tuple(state)), self._project(x), self._weights())
        return new[-1], self.state_class(*new)

    def _parallel(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        return self._run(x, mask, state, newton=True)

    def _recurrent(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        return self._run(x, mask, state, newton=False)

    def _run(
        self, x: Tensor, mask: Tensor | None, state: State, newton: bool
    ) -> tuple[Tensor, State]:
        states = trajectory(
            self.cell,
            self._project(x),
            self._weights(),
            torch.stack(tuple(state)),
            mask,
            newton=newton,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
            report=self.newton,
        )
        return states[-1], self.state_class(*states[:, :, -1])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, heads={self.heads}"


_ARGS = r"""

    Args:
        in_channels: C.
        out_channels: C', also the width of the state.
        heads: Blocks of the input projection; must divide C and C'.
        tolerance: Largest residual that Newton's method may leave; by default 1e-6 in float32 and
            1e-12 in float64.
        max_iterations: Newton steps after which rows that miss the tolerance are computed one
            position after the other.
        max_weight: State weights are clamped to this size; ``None`` leaves them.

    Attributes:
        newton: :class:`~graphkit.ops.trajectory.op.NewtonReport` of the last parallel pass.

    Raises:
        GraphError: ``heads`` does not divide the channels.
"""


@register("sequence_encoder", "paragru")
class ParaGRU(_ParaRNN):
    __doc__ = (
        r"""ParaGRU (Danieli et al. 2025): a GRU with diagonal recurrent weights.

    The state are C' numbers.

    Parameters: ``3 * in_channels * out_channels // heads + 6 * out_channels``."""
        + _ARGS
    )

    cell = PARA_GRU
    state_class = GRUState


@register("sequence_encoder", "paralstm")
class ParaLSTM(_ParaRNN):
    __doc__ = (
        r"""ParaLSTM (Danieli et al. 2025): a peephole LSTM with diagonal recurrent weights.

    The input gate is one minus the forget gate. The state are 2 C' numbers.

    Parameters: ``3 * in_channels * out_channels // heads + 8 * out_channels``."""
        + _ARGS
    )

    cell = PARA_LSTM
    state_class = LSTMState
