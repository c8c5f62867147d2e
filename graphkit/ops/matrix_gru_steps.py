r"""Many steps of a matrix GRU as one differentiable operation.

The columns of the matrix share the cell, so here they are the rows of a batch. With :math:`G_t`
what does not depend on the state (inputs already multiplied, biases added; side by side for Z, R
and the candidate), and U the weights that meet the state, or R times the state for the candidate,

.. math::
    a &= G_t + H_{t-1} M^\top, \qquad Z, R = \sigma(a_Z), \sigma(a_R) \\
    \tilde{H} &= \tanh(a_H + (R \circ H_{t-1}) U_H^\top) \\
    H_t &= H_{t-1} + Z \circ (\tilde{H} - H_{t-1})

where M is U for Z and R, and 0 for the candidate; or, where the state is also the input, the
weights W of the input and that, so that it meets the state in one product. The backward pass
is written out: the gates need one product with a stacked matrix per step, every weight one product
over all steps. What remains beside the products is one pass over the numbers before and one after
each, as compiled loops where there are any. A tanh is :math:`2 \sigma(2 x) - 1`, as exact in
absolute terms as the product that x comes from, because a sigmoid costs a sixth of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphkit.ops import matrix_gru_loops
from graphkit.ops.compiled import use_compiled

__all__ = ["matrix_gru_steps", "matrix_gru_steps_reference"]


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


def matrix_gru_steps_reference(
    state: Tensor, given: Tensor, hidden: Tensor, own: Tensor | None, steps: int
) -> tuple[Tensor, ...]:
    """The equations as written; see :func:`matrix_gru_steps`."""
    d, found = state.shape[1], []
    for t in range(steps):
        a = given if given.dim() == 2 else given[t]
        if own is not None:
            a = a + state @ own.t()
        z, r = torch.sigmoid(a[:, : 2 * d] + state @ hidden[: 2 * d].t()).chunk(2, dim=1)
        new = torch.tanh(a[:, 2 * d :] + (r * state) @ hidden[2 * d :].t())
        state = torch.lerp(state, new, z)
        found.append(state)
    return tuple(found)


class _MatrixGRUSteps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, state: Tensor, given: Tensor, hidden: Tensor, own: Tensor | None, steps: int
    ) -> tuple[Tensor, ...]:
        k, d = state.shape
        recurrent, candidate = _weights(hidden, own)
        rows = recurrent.shape[0]
        every = state.new_empty(steps + 1, k, d)  # H_0 to H_T
        every[0] = state
        given = given.contiguous()
        gates = given.new_empty(steps, k, 3 * d)  # Z, R, candidate
        kept = state.new_empty(steps, k, d)  # R * H
        passes, (every_, gates_, kept_) = _passes(every, gates, kept)
        # A product with rows that lie as it reads them is a tenth faster.
        to_gates, to_new = recurrent.t().contiguous(), candidate.t().contiguous()
        fixed = [given] * steps if given.dim() == 2 else given.unbind()
        views = (fixed, every, gates, gates[..., :rows], gates[..., : 2 * d], gates[..., 2 * d :])
        for t, (f, h, a, met, z_r, n, m) in enumerate(zip(*views, kept)):
            if rows == 3 * d:
                torch.addmm(f, h, to_gates, out=a)
            else:
                a.copy_(f)
                met.addmm_(h, to_gates)
            z_r.sigmoid_()
            passes.keep(t, every_, gates_, kept_)
            n.addmm_(m, to_new, beta=2, alpha=2).sigmoid_()
            passes.mix(t, every_, gates_)
        ctx.constant = given.dim() == 2
        ctx.save_for_backward(every, gates, kept, recurrent, candidate)
        ctx.set_materialize_grads(False)
        return every[1:].unbind()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        every, gates, kept, recurrent, candidate = ctx.saved_tensors
        steps, k, d = kept.shape
        rows = recurrent.shape[0]
        h_grad, of_kept = every.new_zeros(k, d), every.new_empty(k, d)
        pulled = every.new_empty(steps, k, 3 * d)  # gradients of the arguments of sigmoid and tanh
        passes, views = _passes(every, gates, kept, h_grad, of_kept, pulled)
        every_, gates_, kept_, h_grad_, of_kept_, pulled_ = views
        of_met, of_new = pulled[..., :rows].unbind(), pulled[..., 2 * d :].unbind()
        for t in range(steps - 1, -1, -1):
            if grads[t] is not None:
                h_grad += grads[t]
            passes.through_candidate(t, every_, gates_, h_grad_, pulled_)
            torch.mm(of_new[t], candidate, out=of_kept)
            passes.through_reset(t, gates_, kept_, of_kept_, h_grad_, pulled_)
            h_grad.addmm_(of_met[t], recurrent)
        flat = pulled.view(-1, 3 * d)
        d_hidden = every.new_empty(3 * d, d)
        torch.mm(flat[:, 2 * d :].t(), kept.view(-1, d), out=d_hidden[2 * d :])
        d_recurrent = flat[:, :rows].t() @ every[:-1].view(-1, d)
        d_hidden[: 2 * d] = d_recurrent[: 2 * d]
        return (
            h_grad,
            pulled.sum(0) if ctx.constant else pulled,
            d_hidden,
            d_recurrent if rows == 3 * d else None,
            None,
        )


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
        return matrix_gru_loops, [t.detach().numpy() for t in tensors]
    return _TensorPasses, list(tensors)


class _TensorPasses:
    """The functions of :mod:`graphkit.ops.matrix_gru_loops` as tensor operations."""

    @staticmethod
    def keep(t: int, every: Tensor, gates: Tensor, kept: Tensor) -> None:
        _, r, _ = gates[t].chunk(3, dim=1)
        torch.mul(r, every[t], out=kept[t])

    @staticmethod
    def mix(t: int, every: Tensor, gates: Tensor) -> None:
        z, _, n = gates[t].chunk(3, dim=1)
        n.mul_(2).sub_(1)
        torch.lerp(every[t], n, z, out=every[t + 1])

    @staticmethod
    def through_candidate(
        t: int, every: Tensor, gates: Tensor, h_grad: Tensor, pulled: Tensor
    ) -> None:
        z, _, n = gates[t].chunk(3, dim=1)
        of_z, _, of_n = pulled[t].chunk(3, dim=1)
        torch.mul(h_grad, z, out=of_n)
        h_grad -= of_n
        torch.mul(n - every[t], of_n, out=of_z)
        of_z.mul_(1 - z)
        of_n.mul_(1 - n * n)

    @staticmethod
    def through_reset(
        t: int, gates: Tensor, kept: Tensor, of_kept: Tensor, h_grad: Tensor, pulled: Tensor
    ) -> None:
        _, r, _ = gates[t].chunk(3, dim=1)
        _, of_r, _ = pulled[t].chunk(3, dim=1)
        h_grad.addcmul_(of_kept, r)
        torch.mul(of_kept, kept[t], out=of_r)
        of_r.mul_(1 - r)
