r"""All states of a nonlinear recurrence at once, by Newton's method over the whole trajectory.

The states :math:`h_1 \dots h_L` of :math:`h_t = f(h_{t-1}, x_t)` are the root of
:math:`r_t = f(h_{t-1}, x_t) - h_t`. A Newton step solves the linear recurrence
:math:`\delta_t = J_t \delta_{t-1} + r_t` with :math:`J_t = \partial f / \partial h_{t-1}`, which a
parallel scan does in :math:`O(\log L)` steps. After k steps the first k states are exact; for
contracting cells three or four steps reach rounding error. The gradient needs no iteration:
:math:`\lambda_t = \partial \mathcal L / \partial h_t + J_{t+1}^\top \lambda_{t+1}` is one reverse
scan, and nothing but the final trajectory is kept for it (Danieli et al., arXiv 2510.21450).

Newton's method can leave its region of convergence when recurrent weights grow. So the residual is
checked, and rows that miss the tolerance are computed one position after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphkit.ops.block_scan import block_scan
from graphkit.ops.trajectory.cells import ParaCell
from graphkit.ops.trajectory.reference import sequential

__all__ = ["NewtonReport", "trajectory"]

_STEP = 2.0  # states of the cells lie in [-1, 1], so no correction is larger


@dataclass
class NewtonReport:
    """How the last solution went.

    Attributes:
        iterations: Newton steps.
        residual: Largest :math:`|r_t|` of the rows that converged.
        fallback_rows: Rows computed one position after the other instead.
    """

    iterations: int = 0
    residual: float = 0.0
    fallback_rows: int = 0


def trajectory(
    cell: ParaCell,
    x: Tensor,
    weight: Tensor,
    start: Tensor,
    mask: Tensor | None = None,
    *,
    newton: bool = True,
    tolerance: float | None = None,
    max_iterations: int = 12,
    report: NewtonReport | None = None,
) -> Tensor:
    r"""The states of a cell at every position, differentiable once.

    Args:
        cell: Such as :data:`graphkit.ops.trajectory.cells.PARA_GRU`.
        x: ``[G, B, L, D]`` projected inputs.
        weight: ``[K, D]``.
        start: ``[S, B, D]`` state before the first position.
        mask: bool ``[B, L]``; the state stays as it is where false. ``x`` must be finite there.
        newton: Newton's method; otherwise one position after the other.
        tolerance: Largest residual; by default 1e-6 in float32 and 1e-12 in float64.
        max_iterations: Newton steps before rows that miss the tolerance are computed otherwise.
        report: Filled in.

    Returns:
        ``[S, B, L, D]``.
    """
    if tolerance is None:
        tolerance = 1e-12 if x.dtype == torch.float64 else 1e-6
    plan = (newton, tolerance, max_iterations, report if report is not None else NewtonReport())
    with torch.autocast(x.device.type, enabled=False):
        return _Trajectory.apply(cell, x, weight, start, mask, plan)


class _Trajectory(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell: ParaCell,
        x: Tensor,
        weight: Tensor,
        start: Tensor,
        mask: Tensor | None,
        plan: tuple[bool, float, int, NewtonReport],
    ) -> Tensor:
        newton, *limits = plan
        if newton:
            states = _newton(cell, x, weight, start, mask, *limits)
        else:
            states = sequential(cell, x, weight, start, mask)
        ctx.cell = cell
        ctx.save_for_backward(x, weight, start, mask, states)
        return states

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        x, weight, start, mask, states = ctx.saved_tensors
        if not states.shape[2]:
            return (
                None,
                torch.zeros_like(x),
                torch.zeros_like(weight),
                torch.zeros_like(start),
                *(None,) * 2,
            )
        before = _shift(states, start)
        _, jacobian = ctx.cell.linearize(before, x, weight)
        if mask is not None:
            jacobian = _stay(jacobian, mask)
        adjoint = torch.zeros_like(jacobian)  # J_{t+1}^T at t
        adjoint[..., :-1, :] = jacobian[..., 1:, :].transpose(0, 1)
        total = block_scan(adjoint, grad, reverse=True)
        local = total if mask is None else torch.where(mask[..., None], total, 0)
        g_x, terms = ctx.cell.pullback(local, before, x, weight)
        g_weight = torch.stack([term.sum((0, 1)) for term in terms])
        g_start = torch.einsum("ijbd,ibd->jbd", jacobian[..., 0, :], total[..., 0, :])
        return None, g_x, g_weight, g_start, None, None


def _newton(
    cell: ParaCell,
    x: Tensor,
    weight: Tensor,
    start: Tensor,
    mask: Tensor | None,
    tolerance: float,
    max_iterations: int,
    report: NewtonReport,
) -> Tensor:
    states = cell.value(torch.zeros_like(x[: cell.num_states]), x, weight)
    report.iterations, report.residual, report.fallback_rows = 0, 0.0, 0
    if not states.numel():
        return states
    step = _STEP * start.abs().amax().clamp(min=1.0)
    for iteration in range(max_iterations + 1):
        before = _shift(states, start)
        value, jacobian = cell.linearize(before, x, weight)
        if mask is not None:
            value = torch.where(mask[..., None], value, before)
            jacobian = _stay(jacobian, mask)
        residual = value.sub_(states)
        worst = residual.abs().amax((0, 2, 3))
        report.iterations = iteration
        if iteration == max_iterations or bool((worst <= tolerance).all()):
            break
        # Products of Jacobians above 1 can overflow far from the solution; such a correction says
        # nothing.
        delta = block_scan(jacobian, residual).nan_to_num_(0.0, 0.0, 0.0)
        states = states + torch.maximum(torch.minimum(delta, step), -step)
    failed = ~(worst <= tolerance)  # NaN too
    report.residual = float(worst.masked_fill(failed, 0.0).max())
    if failed.any():
        rows = failed.nonzero().squeeze(1)
        report.fallback_rows = rows.numel()
        states[:, rows] = sequential(
            cell, x[:, rows], weight, start[:, rows], None if mask is None else mask[rows]
        )
    return states


def _shift(states: Tensor, start: Tensor) -> Tensor:
    return torch.cat([start.unsqueeze(2), states[:, :, :-1]], 2)


def _stay(jacobian: Tensor, mask: Tensor) -> Tensor:
    size = jacobian.shape[0]
    identity = torch.eye(size, dtype=jacobian.dtype, device=jacobian.device)
    return torch.where(mask[..., None], jacobian, identity.view(size, size, 1, 1, 1))
