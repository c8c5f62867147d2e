r"""Cells of ParaRNN: recurrent weights act on each channel alone, so Jacobians are small blocks.

Danieli et al., "ParaRNN: Unlocking Parallel Training of Nonlinear RNNs for Large Language Models",
ICLR 2026, arXiv 2510.21450. With already projected inputs :math:`X_*`, all products elementwise:

ParaGRU, state :math:`(h)`:

.. math::
    z = \sigma(a_z h + X_z), \quad r = \sigma(a_r h + X_r), \quad c = \tanh(a_c h r + X_c), \quad
    h' = (1 - z) h + z c

ParaLSTM (input gate coupled to the forget gate, peepholes), state :math:`(c, h)`:

.. math::
    f &= \sigma(a_f h + p_f c + X_f), \quad g = \tanh(a_g h + X_g), \quad c' = f c + (1 - f) g \\
    o &= \sigma(a_o h + p_o c' + X_o), \quad h' = o \tanh(c')

A cell is four functions of planes: states ``[S, ..., D]``, inputs ``[G, ..., D]``, weights
``[K, D]``. ``pullback`` and the Jacobians are written out, so nothing of an iteration is recorded.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

__all__ = ["PARA_GRU", "PARA_LSTM", "ParaCell"]


class Linearized(NamedTuple):
    """A cell at given states: ``value [S, ...]`` and ``jacobian [S, S, ...]`` (new by old)."""

    value: Tensor
    jacobian: Tensor


class ParaCell(Protocol):
    """What :func:`~graphkit.ops.trajectory.op.trajectory` needs of a cell."""

    num_states: int  # S
    num_inputs: int  # G
    num_weights: int  # K

    def value(self, state: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        """The next state ``[S, ..., D]``, differentiable by torch."""

    def linearize(self, state: Tensor, x: Tensor, weight: Tensor) -> Linearized:
        """The next state and its derivatives by the state."""

    def pullback(
        self, grad: Tensor, state: Tensor, x: Tensor, weight: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """From the gradient of the next state: that of x, and terms that sum to the weights'."""


class _ParaGRU:
    num_states, num_inputs, num_weights = 1, 3, 3

    def value(self, state: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        h = state[0]
        z, _, c = self._gates(h, x, weight)
        return torch.lerp(h, c, z).unsqueeze(0)

    def linearize(self, state: Tensor, x: Tensor, weight: Tensor) -> Linearized:
        a_z, a_r, a_c = weight
        h = state[0]
        z, r, c = self._gates(h, x, weight)
        gap = c - h
        # (1 - z) + z (1 - z) a_z (c - h) + z (1 - c^2) a_c (r + h r (1 - r) a_r)
        keep = 1 - z
        through = torch.addcmul(r, h * a_r, r - r * r)
        slope = (1 - c * c).mul_(z).mul_(a_c).mul_(through)
        jacobian = torch.addcmul(keep, z * keep, gap * a_z).add_(slope)
        return Linearized(torch.addcmul(h, z, gap).unsqueeze(0), jacobian[None, None])

    def pullback(
        self, grad: Tensor, state: Tensor, x: Tensor, weight: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        h, g = state[0], grad[0]
        z, r, c = self._gates(h, x, weight)
        g_z = g * (c - h) * (z - z * z)
        g_c = g * z * (1 - c * c)
        g_r = g_c * h * weight[2] * (r - r * r)
        return torch.stack([g_z, g_r, g_c]), [g_z * h, g_r * h, g_c * (h * r)]

    @staticmethod
    def _gates(h: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = torch.addcmul(x[0], h, weight[0]).sigmoid()
        r = torch.addcmul(x[1], h, weight[1]).sigmoid()
        return z, r, torch.addcmul(x[2], h * r, weight[2]).tanh()


class _ParaLSTM:
    num_states, num_inputs, num_weights = 2, 3, 5  # f, o, g; a_f, a_o, a_g, p_f, p_o

    def value(self, state: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        _, _, o, new, tanh_new = self._gates(state, x, weight)
        return torch.stack([new, o * tanh_new])

    def linearize(self, state: Tensor, x: Tensor, weight: Tensor) -> Linearized:
        a_f, a_o, a_g, p_f, p_o = weight
        f, g, o, new, tanh_new = self._gates(state, x, weight)
        by_f = (state[0] - g) * (f - f * f)
        by_o = tanh_new * (o - o * o)
        kappa = torch.addcmul(o * (1 - tanh_new * tanh_new), by_o, p_o)
        c_c = torch.addcmul(f, by_f, p_f)
        c_h = torch.addcmul((1 - f) * (1 - g * g) * a_g, by_f, a_f)
        jacobian = torch.stack([c_c, c_h, kappa * c_c, torch.addcmul(by_o * a_o, kappa, c_h)])
        value = torch.stack([new, o * tanh_new])
        return Linearized(value, jacobian.view(2, 2, *new.shape))

    def pullback(
        self, grad: Tensor, state: Tensor, x: Tensor, weight: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        c, h = state
        f, g, o, new, tanh_new = self._gates(state, x, weight)
        g_o = grad[1] * tanh_new * (o - o * o)
        g_new = grad[0] + grad[1] * o * (1 - tanh_new * tanh_new) + g_o * weight[4]
        g_f = g_new * (c - g) * (f - f * f)
        g_g = g_new * (1 - f) * (1 - g * g)
        return torch.stack([g_f, g_o, g_g]), [g_f * h, g_o * h, g_g * h, g_f * c, g_o * new]

    @staticmethod
    def _gates(
        state: Tensor, x: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        a_f, a_o, a_g, p_f, p_o = weight
        c, h = state
        f = torch.addcmul(torch.addcmul(x[0], h, a_f), c, p_f).sigmoid()
        g = torch.addcmul(x[2], h, a_g).tanh()
        new = torch.lerp(g, c, f)
        o = torch.addcmul(torch.addcmul(x[1], h, a_o), new, p_o).sigmoid()
        return f, g, o, new, new.tanh()


PARA_GRU: ParaCell = _ParaGRU()
PARA_LSTM: ParaCell = _ParaLSTM()
