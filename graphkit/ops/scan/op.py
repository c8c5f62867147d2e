r"""Linear recurrences :math:`h_t = A_t h_{t-1} + b_t` over a whole sequence.

Affine maps compose associatively,
:math:`(A_2, b_2) \circ (A_1, b_1) = (A_2 A_1, A_2 b_1 + b_2)`, so all :math:`h_t` follow from a
prefix scan in :math:`\log L` rounds (Hillis and Steele 1986; Blelloch 1990). The gradient of the
scan is one scan in the other direction,

.. math::
    g_t = \partial_{h_t} + A_{t+1}^\top g_{t+1}, \qquad
    \partial_{b_t} = g_t, \quad \partial_{A_t} = g_t h_{t-1}^\top, \quad
    \partial_{h_0} = A_1^\top g_1 ,

which is how it is computed here: what is kept for it are A and h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import GraphError, UnknownNameError
from graphkit.ops.compiled import use_compiled
from graphkit.ops.scan import loops
from graphkit.ops.scan.reference import canonical, step_by_step, times

__all__ = ["SCAN_METHODS", "affine_scan"]

SCAN_METHODS = ("loop", "doubling", "associative_scan", "compiled")
"""What :func:`affine_scan` can compute with."""


def affine_scan(
    a: Tensor,
    b: Tensor,
    initial: Tensor | None = None,
    *,
    reverse: bool = False,
    block: bool = False,
    method: str | None = None,
) -> Tensor:
    r"""All :math:`h_t = a_t h_{t-1} + b_t`, twice differentiable in a, b and the initial value.

    Args:
        a: ``[..., L, D]``, a factor per channel, or ``[..., L, 1]``, one for all channels. With
            ``block`` ``[..., L, D, n, n]``: an n x n matrix for each of D groups of channels.
        b: ``[..., L, D]``; with ``block`` ``[..., L, D, n]``.
        initial: :math:`h_0`, ``[..., D]`` (``[..., D, n]``); zeros by default.
        reverse: Time runs from the last position to the first.
        block: Whether a is made of matrices.
        method: One of :data:`SCAN_METHODS`. By default compiled loops on the CPU where numba is
            installed; otherwise steps one by one (``"loop"``) while a step is large enough to keep
            the machine busy, and ``"doubling"``, :math:`\log_2 L` rounds, if not.

    Returns:
        Every h, of the shape of b.

    Raises:
        GraphError: Shapes do not fit, or the method is not available here.
        UnknownNameError: No such method.

    Factors whose products overflow give infinities or NaN with ``"doubling"``, which multiplies
    factors before values; products that underflow are harmless.
    """
    a, b, initial, lead = canonical(a, b, initial, block)
    if method is None:
        method = _choose(a, b, initial)
    elif method not in _METHODS:
        raise UnknownNameError("method", method, SCAN_METHODS)
    dtype = b.dtype
    if dtype in (torch.float16, torch.bfloat16):  # sums over time are kept in float32
        a, b, initial = a.float(), b.float(), initial.float()
    h = _AffineScan.apply(a, b, initial, reverse, block, method)
    return h.view(*lead, *h.shape[1:]).to(dtype)


def _choose(a: Tensor, b: Tensor, initial: Tensor) -> str:
    if use_compiled(a, b, initial):
        return "compiled"
    per_step = b[:, 0].numel() if b.shape[1] else 0
    return "loop" if b.device.type == "cpu" and per_step >= 2048 else "doubling"


def _compose(a2: Tensor, a1: Tensor, block: bool) -> Tensor:
    return (a2.unsqueeze(-1) * a1.unsqueeze(-3)).sum(-2) if block else a2 * a1


def _doubling(a: Tensor, b: Tensor, initial: Tensor, reverse: bool, block: bool) -> Tensor:
    if reverse:
        return _doubling(a.flip(1), b.flip(1), initial, False, block).flip(1)
    if b.shape[1] == 0:
        return b.clone()
    h = torch.cat([(times(a[:, 0], initial, block) + b[:, 0]).unsqueeze(1), b[:, 1:]], 1)
    reach = 1
    while reach < b.shape[1]:
        late = a[:, reach:]
        h = torch.cat([h[:, :reach], h[:, reach:] + times(late, h[:, :-reach], block)], 1)
        a = torch.cat([a[:, :reach], _compose(late, a[:, :-reach], block)], 1)
        reach *= 2
    return h


def _associative(a: Tensor, b: Tensor, initial: Tensor, reverse: bool, block: bool) -> Tensor:
    scan = _find_associative_scan()
    if scan is None:
        raise GraphError(
            "method", f"torch {torch.__version__} has no associative_scan", fix="Take 'doubling'."
        )
    if b.shape[1] < 2 or b.numel() == 0:
        return step_by_step(a, b, initial, reverse, block)
    end = b.shape[1] - 1 if reverse else 0
    edge = (times(a[:, end], initial, block) + b[:, end]).unsqueeze(1)
    b = torch.cat([b[:, :-1], edge] if reverse else [edge, b[:, 1:]], 1)
    if not block:
        a = a.expand_as(b)

    def combine(first: Any, then: Any) -> Any:
        return _compose(then[0], first[0], block), times(then[0], first[1], block) + then[1]

    return scan(combine, (a, b), 1, reverse=reverse, combine_mode="generic")[1]


def _find_associative_scan() -> Callable[..., Any] | None:
    """torch's prototype, wherever this version keeps it."""
    found = getattr(torch, "associative_scan", None)
    if found is None:
        try:
            from torch._higher_order_ops.associative_scan import associative_scan as found
        except ImportError:
            return None
    return found


def _compiled(a: Tensor, b: Tensor, initial: Tensor, reverse: bool, block: bool) -> Tensor:
    a, b, initial = (x.detach().contiguous() for x in (a, b, initial))
    h = torch.empty_like(b)
    run = loops.block_forward if block else loops.diagonal_forward
    run(a.numpy(), b.numpy(), initial.numpy(), h.numpy(), reverse)
    return h


_METHODS: dict[str, Callable[..., Tensor]] = dict(
    zip(SCAN_METHODS, (step_by_step, _doubling, _associative, _compiled))
)


class _AffineScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, initial: Tensor, reverse: bool, block: bool, method: str
    ) -> Tensor:
        h = _METHODS[method](a, b, initial, reverse, block)
        ctx.save_for_backward(a, initial, h)
        ctx.options = reverse, block, method
        return h

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        a, initial, h = ctx.saved_tensors
        reverse, block, method = ctx.options
        if method == "compiled" and not torch.is_grad_enabled():
            return *_compiled_backward(ctx, a, h, initial, grad, reverse, block), None, None, None
        if h.shape[1] == 0:
            return torch.zeros_like(a), grad, torch.zeros_like(initial), None, None, None
        a_t = a.transpose(-1, -2) if block else a
        edge = torch.zeros_like(a_t[:, :1])
        # what multiplies h_t in the next step, and what h_t was made of
        if reverse:
            after = torch.cat([edge, a_t[:, :-1]], 1)
            before = torch.cat([h[:, 1:], initial.unsqueeze(1)], 1)
        else:
            after = torch.cat([a_t[:, 1:], edge], 1)
            before = torch.cat([initial.unsqueeze(1), h[:, :-1]], 1)
        nothing = torch.zeros_like(initial)
        g = _AffineScan.apply(after, grad, nothing, not reverse, block, method)
        grad_a = None
        if ctx.needs_input_grad[0]:
            grad_a = g.unsqueeze(-1) * before.unsqueeze(-2) if block else g * before
            grad_a = grad_a.sum_to_size(a.shape)
        first = -1 if reverse else 0
        return grad_a, g, times(a_t[:, first], g[:, first], block), None, None, None


def _compiled_backward(
    ctx: Any, a: Tensor, h: Tensor, initial: Tensor, grad: Tensor, reverse: bool, block: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    a, h, initial, grad = (x.detach().contiguous() for x in (a, h, initial, grad))
    want_a = ctx.needs_input_grad[0]
    full = (*h.shape, h.shape[-1]) if block else h.shape
    grad_a = h.new_empty(full if want_a else (full[0], 0, *full[2:]))
    grad_b, grad_first = torch.empty_like(h), torch.empty_like(initial)
    run = loops.block_backward if block else loops.diagonal_backward
    arrays = (x.numpy() for x in (a, h, initial, grad, grad_a, grad_b, grad_first))
    run(*arrays, reverse)
    return grad_a.sum_to_size(a.shape) if want_a else None, grad_b, grad_first
