r"""A recurrent network of leaky units, each with a timescale of its own that is learned.

Khajehabdollahi, Zeraati, Giannakakis, Schaefer, Martius, Levina: "Emergent mechanisms for long
timescales depend on training curriculum and affect performance in memory tasks", ICLR 2024. With
:math:`\alpha = 1 / \max(\tau, 1)` per unit,

.. math::
    h_t &= \phi\big( (1 - \alpha) h_{t-1} + \alpha (W h_{t-1} + W_{in} x_t + b) \big)
        && \text{(default)} \\
    h_t &= (1 - \alpha) h_{t-1} + \alpha\, \phi( W h_{t-1} + W_{in} x_t + b )
        && \text{(leak outside)}

W has no diagonal: what a single unit remembers can come from its :math:`\tau` only. In the default
form the activation acts on the leak as well; with a leaky ReLU negative values fade a hundredfold a
step. That is the published model.

Departures: the first state is 0 instead of random at every call, so that evaluation is
deterministic; the diagonal is masked where W is used instead of being overwritten. Our options:
``softplus`` writes :math:`\tau = 1 + \mathrm{softplus}(\rho)`, which has a gradient everywhere,
where the clamp has none below 1; ``time_unit`` takes
:math:`1 - \alpha \rightarrow (1 - \alpha)^{\Delta t / unit}` for irregular times.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from graphkit.checks import check_choice
from graphkit.encoders.sequence.masks import time_gaps
from graphkit.encoders.sequence.protocol import SequenceEncoder
from graphkit.encoders.sequence.state import State
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["LeakyRNN"]

_ACTIVATIONS = {
    "leaky_relu": nn.functional.leaky_relu,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


class LeakyState(State):
    """The units; the time of the last valid position, and whether there was one."""

    h: Tensor  # [B, C']
    time: Tensor  # float64 [B]
    seen: Tensor  # bool [B]


@register("sequence_encoder", "leaky_rnn")
class LeakyRNN(SequenceEncoder):
    """Leaky units with learned timescales (Khajehabdollahi et al. 2024).

    See the module's equations.

    Args:
        in_channels: Size of each input.
        out_channels: Units.
        activation: ``"leaky_relu"``, ``"relu"``, ``"tanh"``, ``"sigmoid"`` or ``"identity"``.
        leak_outside: The second equation instead of the first.
        train_tau: Whether timescales are learned; otherwise they are a buffer.
        softplus: Timescales as 1 + softplus instead of a clamp.
        time_unit: Leak by elapsed time in this unit; needs times. The first position of a row
            counts as one unit.

    Parameters: ``out_channels * (in_channels + out_channels + 1 + train_tau)``
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        activation: str = "leaky_relu",
        leak_outside: bool = False,
        train_tau: bool = True,
        softplus: bool = False,
        time_unit: float | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels)
        check_choice(activation, "activation", _ACTIVATIONS)
        if time_unit is not None and not (time_unit > 0 and math.isfinite(time_unit)):
            raise GraphError("time_unit", "a unit", expected="a positive number", got=time_unit)
        self.activation, self.leak_outside = activation, leak_outside
        self.train_tau, self.softplus = train_tau, softplus
        self.time_unit, self.needs_time = time_unit, time_unit is not None
        units = self.out_channels
        self.input = nn.Linear(in_channels, units)
        self.weight = nn.Parameter(torch.empty(units, units))
        raw = torch.empty(units)
        if train_tau:
            self.raw_tau = nn.Parameter(raw)
        else:
            self.register_buffer("raw_tau", raw)
        self.register_buffer("no_self", 1 - torch.eye(units), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew: weights as torch's linear layers, timescales from U(1, 2)."""
        self.input.reset_parameters()
        bound = self.out_channels**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        with torch.no_grad():
            tau = 1 + torch.rand(self.out_channels, device=self.raw_tau.device).clamp(min=1e-3)
            self.raw_tau.copy_((tau - 1).expm1().log() if self.softplus else tau)

    @property
    def tau(self) -> Tensor:
        """The timescale of each unit, at least 1: ``[out_channels]``."""
        if self.softplus:
            return 1 + nn.functional.softplus(self.raw_tau)
        return self.raw_tau.clamp(min=1)

    @property
    def recurrent_weight(self) -> Tensor:
        """W, with a diagonal of exactly 0: ``[out_channels, out_channels]``."""
        return self.weight * self.no_self

    def _start(self, batch: int, device: torch.device, dtype: torch.dtype) -> LeakyState:
        return LeakyState(
            torch.zeros(batch, self.out_channels, device=device, dtype=dtype),
            torch.zeros(batch, dtype=torch.float64, device=device),
            torch.zeros(batch, dtype=torch.bool, device=device),
        )

    def _recurrent(
        self, x: Tensor, mask: Tensor | None, time: Tensor | None, state: LeakyState
    ) -> tuple[Tensor, LeakyState]:
        drive, alpha, weight = self.input(x), 1 / self.tau, self.recurrent_weight
        last, seen = state.time, torch.ones_like(state.seen)
        if self.time_unit is not None:
            gap, last, seen = time_gaps(time.double(), mask, state.time, state.seen)
            units = (gap / self.time_unit).to(x.dtype)
            first = ~state.seen if mask is None else ~state.seen & mask.any(1)
            start = 0 if mask is None else mask.to(torch.uint8).argmax(1)
            units = torch.where(
                first.unsqueeze(1)
                & (torch.arange(x.shape[1], device=x.device) == torch.as_tensor(start).view(-1, 1)),
                1.0,
                units,
            )
            keep = (1 - alpha).clamp(min=1e-12) ** units.unsqueeze(-1)  # [B, L, C']
        elif mask is not None:
            seen = state.seen | mask.any(1)
        phi, h, outputs = _ACTIVATIONS[self.activation], state.h, []
        if self.time_unit is None and not self.leak_outside:  # leak and weight in one product
            drive, joint = drive * alpha, torch.diag(1 - alpha) + alpha.unsqueeze(1) * weight
        for t, drive_t in enumerate(drive.unbind(1)):
            if self.time_unit is None and not self.leak_outside:
                new = phi(torch.addmm(drive_t, h, joint.t()))
            else:
                kept = 1 - alpha if self.time_unit is None else keep[:, t]
                new = torch.addmm(drive_t, h, weight.t())
                if self.leak_outside:
                    new = kept * h + (1 - kept) * phi(new)
                else:
                    new = phi(kept * h + (1 - kept) * new)
            h = new if mask is None else torch.where(mask[:, t : t + 1], new, h)
            outputs.append(h)
        return torch.stack(outputs, 1), LeakyState(h, last, seen)

    def _step(
        self, x: Tensor, state: LeakyState, mask: Tensor | None, time: Tensor | None
    ) -> tuple[Tensor, LeakyState]:
        when = None if time is None else time.unsqueeze(1)
        y, state = self._recurrent(x.unsqueeze(1), None, when, state)
        return y.squeeze(1), state

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.activation}"
