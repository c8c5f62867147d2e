r"""Many steps of a matrix GRU as one differentiable operation.

The columns of the matrix share the cell, so here they are the rows of a batch. With :math:`G_t`
what does not depend on the state (inputs already multiplied, biases added; side by side for Z, R
and the candidate), and U the weights that meet the state, or R times the state for the candidate,

.. math::
    a &= G_t + H_{t-1} M^\top, \qquad Z, R = \sigma(a_Z), \sigma(a_R) \\
    \tilde{H} &= \tanh(a_H + (R \circ H_{t-1}) U_H^\top) \\
    H_t &= H_{t-1} + Z \circ (\tilde{H} - H_{t-1})

where M is U for Z and R, and 0 for the candidate; or, where the state is also the input, the
weights W of the input and that. A step then needs two products, of the gates with W + U and of the
candidate with W and U side by side, for which R times the state lies beside the state. The backward
pass is written out: one product with all of M and one with the candidate's U per step, and for the
weights two products over all steps. What remains beside the products is one pass over the numbers
before and one after each, as compiled loops where there are any. A tanh is
:math:`2 \sigma(2 x) - 1`, as exact in absolute terms as the product that x comes from, because a
sigmoid costs a sixth of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphkit.ops.compiled import use_compiled
from graphkit.ops.matrix_gru_steps import loops
from graphkit.ops.matrix_gru_steps.reference import matrix_gru_steps_reference

__all__ = ["matrix_gru_steps"]


def matrix_gru_steps(
    state: Tensor, given: Tensor, hidden: Tensor, own: Tensor | None, steps: int
) -> tuple[Tensor, ...]:
    """The states after 1, 2, ... ``steps`` steps.

    Args:
        state: H_0, ``[k, d]``.
        given: G, ``[steps, k, 3 d]``, or ``[k, 3 d]`` if it is the same at every step.
        hidden: U, ``[3 d, d]``.
        own: W, ``[3 d, d]``, where the state is also the input.
        steps: Number of steps, 1 or more.

    Returns:
        ``steps`` tensors ``[k, d]``, which may be views of one.
    """
    if torch.compiler.is_compiling():
        return matrix_gru_steps_reference(state, given, hidden, own, steps)
    return _MatrixGRUSteps.apply(state, given, hidden, own, steps)


class _MatrixGRUSteps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, state: Tensor, given: Tensor, hidden: Tensor, own: Tensor | None, steps: int
    ) -> tuple[Tensor, ...]:
        k, d = state.shape
        recurrent, candidate = _weights(hidden, own)
        both = state.new_empty(steps + 1, k, 2 * d)  # H_0 to H_T, and beside each R * H
        both[0, :, :d] = state
        # Gates and candidates lie apart: a sigmoid of rows without gaps takes half the time.
        gates, new = state.new_empty(steps, k, 2 * d), state.new_empty(steps, k, d)
        passes, (both_, gates_, new_) = _passes(both, gates, new)
        given_gates, given_new = (part.contiguous() for part in given.split((2 * d, d), dim=-1))
        if given.dim() == 2:
            given_gates, given_new = given_gates.expand_as(gates), given_new.expand_as(new)
        # A product with rows that lie as it reads them is a tenth faster.
        to_gates, to_new = recurrent[: 2 * d].t().contiguous(), candidate.t()
        if own is not None:
            to_new = torch.cat([recurrent[2 * d :].t(), to_new])
        to_new, met = to_new.contiguous(), both if own is not None else both[..., d:]
        views = (given_gates, given_new, both[..., :d], met, gates, new)
        for t, (g, f, h, h_m, z_r, n) in enumerate(zip(*views)):
            torch.addmm(g, h, to_gates, out=z_r).sigmoid_()
            passes.keep(t, both_, gates_)
            torch.addmm(f, h_m, to_new, beta=2, alpha=2, out=n).sigmoid_()
            passes.mix(t, both_, gates_, new_)
        ctx.constant = given.dim() == 2
        ctx.save_for_backward(both, gates, new, recurrent, candidate)
        ctx.set_materialize_grads(False)
        return both[1:, :, :d].unbind()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        both, gates, new, recurrent, candidate = ctx.saved_tensors
        steps, k, d = new.shape
        rows = recurrent.shape[0]
        h_grad, of_kept = both.new_zeros(k, d), both.new_empty(k, d)
        pulled = both.new_empty(steps, k, 3 * d)  # gradients of the arguments of sigmoid and tanh
        passes, views = _passes(both, gates, new, h_grad, of_kept, pulled)
        both_, gates_, new_, h_grad_, of_kept_, pulled_ = views
        of_met, of_new = pulled[..., :rows].unbind(), pulled[..., 2 * d :].unbind()
        for t in range(steps - 1, -1, -1):
            if grads[t] is not None:
                h_grad += grads[t]
            passes.through_candidate(t, both_, gates_, new_, h_grad_, pulled_)
            torch.mm(of_new[t], candidate, out=of_kept)
            passes.through_reset(t, both_, gates_, of_kept_, h_grad_, pulled_)
            h_grad.addmm_(of_met[t], recurrent)
        flat, met = pulled.view(-1, 3 * d).t(), both[:-1].view(-1, 2 * d)
        d_hidden, d_own = both.new_empty(3 * d, d), None
        torch.mm(flat[: 2 * d], met[:, :d], out=d_hidden[: 2 * d])
        if rows == 3 * d:
            of_both = flat[2 * d :] @ met
            d_own = torch.cat([d_hidden[: 2 * d], of_both[:, :d]])
            d_hidden[2 * d :] = of_both[:, d:]
        else:
            torch.mm(flat[2 * d :], met[:, d:], out=d_hidden[2 * d :])
        return h_grad, pulled.sum(0) if ctx.constant else pulled, d_hidden, d_own, None


def _weights(hidden: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:
    """M, without its rows of zeros, and U of the candidate."""
    gates = 2 * hidden.shape[1]
    both, candidate = hidden[:gates], hidden[gates:]
    if own is None:
        return both, candidate
    recurrent = own.clone()
    recurrent[:gates] += both
    return recurrent, candidate


def _passes(*tensors: Tensor) -> tuple[Any, list[Any]]:
    """What is done beside the products, and its arguments: loops, or else tensor operations."""
    if use_compiled(*tensors):
        return loops, [t.detach().numpy() for t in tensors]
    return _TensorPasses, list(tensors)


class _TensorPasses:
    """The functions of :mod:`graphkit.ops.matrix_gru_steps.loops` as tensor operations."""

    @staticmethod
    def keep(t: int, both: Tensor, gates: Tensor) -> None:
        h, kept = both[t].chunk(2, dim=1)
        _, r = gates[t].chunk(2, dim=1)
        torch.mul(r, h, out=kept)

    @staticmethod
    def mix(t: int, both: Tensor, gates: Tensor, new: Tensor) -> None:
        d = new.shape[2]
        n = new[t].mul_(2).sub_(1)
        torch.lerp(both[t, :, :d], n, gates[t, :, :d], out=both[t + 1, :, :d])

    @staticmethod
    def through_candidate(
        t: int, both: Tensor, gates: Tensor, new: Tensor, h_grad: Tensor, pulled: Tensor
    ) -> None:
        d, n = new.shape[2], new[t]
        z, h = gates[t, :, :d], both[t, :, :d]
        of_z, _, of_n = pulled[t].chunk(3, dim=1)
        torch.mul(h_grad, z, out=of_n)
        h_grad -= of_n
        torch.mul(n - h, of_n, out=of_z)
        of_z.mul_(1 - z)
        of_n.mul_(1 - n * n)

    @staticmethod
    def through_reset(
        t: int, both: Tensor, gates: Tensor, of_kept: Tensor, h_grad: Tensor, pulled: Tensor
    ) -> None:
        _, r = gates[t].chunk(2, dim=1)
        _, kept = both[t].chunk(2, dim=1)
        _, of_r, _ = pulled[t].chunk(3, dim=1)
        h_grad.addcmul_(of_kept, r)
        torch.mul(of_kept, kept, out=of_r)
        of_r.mul_(1 - r)
