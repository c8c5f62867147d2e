r"""Many steps of a matrix GRU as one differentiable operation.

With :math:`G_t` what does not depend on the state (inputs already multiplied, biases added; rows
for Z, R and the candidate), M the matrix that meets the state and U that of the candidate,

.. math::
    a &= G_t + M H_{t-1}, \qquad Z, R = \sigma(a_Z), \sigma(a_R) \\
    \tilde{H} &= \tanh(a_H + U (R \circ H_{t-1})) \\
    H_t &= H_{t-1} + Z \circ (\tilde{H} - H_{t-1})

where M may have rows for Z and R only. The backward pass is written out: the gates need one
product with a stacked matrix per step, every weight one sum over the steps, and nothing is zeroed,
sliced or added up that autograd would have to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["matrix_gru_steps", "matrix_gru_steps_reference"]


def matrix_gru_steps(
    state: Tensor, given: Tensor, recurrent: Tensor, candidate: Tensor, steps: int
) -> Tensor:
    """The states after 1, 2, ... ``steps`` steps.

    Args:
        state: H_0, ``[d, k]``.
        given: G, ``[steps, 3 d, k]``, or ``[3 d, k]`` if it is the same at every step.
        recurrent: M, ``[2 d, d]`` or ``[3 d, d]``.
        candidate: U, ``[d, d]``.
        steps: Number of steps, 1 or more.

    Returns:
        ``[steps, d, k]``.
    """
    if torch.compiler.is_compiling():
        return matrix_gru_steps_reference(state, given, recurrent, candidate, steps)
    return _MatrixGRUSteps.apply(state, given, recurrent, candidate, steps)


def matrix_gru_steps_reference(
    state: Tensor, given: Tensor, recurrent: Tensor, candidate: Tensor, steps: int
) -> Tensor:
    """The equations as written; see :func:`matrix_gru_steps`."""
    d, found = state.shape[0], []
    for t in range(steps):
        fixed = given if given.dim() == 2 else given[t]
        product = recurrent @ state
        z, r = torch.sigmoid(fixed[: 2 * d] + product[: 2 * d]).chunk(2)
        new = fixed[2 * d :] + candidate @ (r * state)
        if recurrent.shape[0] > 2 * d:
            new = new + product[2 * d :]
        state = torch.lerp(state, torch.tanh(new), z)
        found.append(state)
    return torch.stack(found)


class _MatrixGRUSteps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, state: Tensor, given: Tensor, recurrent: Tensor, candidate: Tensor, steps: int
    ) -> Tensor:
        d, k = state.shape
        rows = recurrent.shape[0]
        every = state.new_empty(steps + 1, d, k)  # H_0 to H_T
        gates = state.new_empty(steps, 2 * d, k)
        new, kept = state.new_empty(2, steps, d, k)  # the candidate; R * H
        every[0] = state
        for t in range(steps):
            h, fixed = every[t], given if given.dim() == 2 else given[t]
            a = torch.addmm(fixed[:rows], recurrent, h)
            torch.sigmoid(a[: 2 * d], out=gates[t])
            torch.mul(gates[t, d:], h, out=kept[t])
            rest = a[2 * d :] if rows > 2 * d else fixed[2 * d :]
            torch.addmm(rest, candidate, kept[t], out=new[t]).tanh_()
            torch.lerp(h, new[t], gates[t, :d], out=every[t + 1])
        ctx.constant = given.dim() == 2
        ctx.save_for_backward(every, gates, new, kept, recurrent, candidate)
        return every[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        every, gates, new, kept, recurrent, candidate = ctx.saved_tensors
        steps, d, k = new.shape
        rows = recurrent.shape[0]
        d_recurrent, d_candidate = torch.zeros_like(recurrent), torch.zeros_like(candidate)
        d_given = every.new_empty(1 if ctx.constant else steps, 3 * d, k)
        a = every.new_empty(3 * d, k)  # gradient of the three arguments of sigmoid and tanh
        h_grad = torch.zeros_like(every[0])
        for t in range(steps - 1, -1, -1):
            h, z, r, n = every[t], gates[t, :d], gates[t, d:], new[t]
            h_grad = h_grad + grad[t]
            if not ctx.constant:
                a = d_given[t]
            through = torch.mul(h_grad, z, out=a[2 * d :])
            torch.mul(n - h, through, out=a[:d])
            a[:d].addcmul_(a[:d], z, value=-1)
            h_grad -= through
            through.addcmul_(through * n, n, value=-1)
            of_kept = candidate.t() @ through
            h_grad.addcmul_(of_kept, r)
            torch.mul(of_kept, kept[t], out=a[d : 2 * d])  # times h r
            a[d : 2 * d].addcmul_(a[d : 2 * d], r, value=-1)
            h_grad.addmm_(recurrent.t(), a[:rows])
            d_recurrent.addmm_(a[:rows], h.t())
            d_candidate.addmm_(through, kept[t].t())
            if ctx.constant:
                d_given[0] = a if t == steps - 1 else d_given[0] + a
        return h_grad, d_given[0] if ctx.constant else d_given, d_recurrent, d_candidate, None
