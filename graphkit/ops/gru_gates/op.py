r"""GRU steps as single differentiable operations, gates along the first axis.

.. math::
    r = \sigma(x_r + h_r), \quad z = \sigma(x_z + h_z), \quad
    n = \tanh(x_n + r \odot h_n), \quad h' = (1 - z) \odot n + z \odot h

where :math:`x` and :math:`h` with an index are the already projected input and state, as in
:class:`torch.nn.GRUCell`. With the gates along the first axis every step works on contiguous
memory, however few channels there are; autograd records one step instead of a dozen.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["gru_gates", "gru_lookup"]


def gru_gates(x: Tensor, h: Tensor, state: Tensor) -> Tensor:
    """One GRU step from projected input and state.

    Args:
        x: ``[3F, E]`` projected input, biases added, in the order reset, update, new.
        h: ``[3F, E]`` projected state, biases added, same order.
        state: ``[F, E]`` the state before.

    Returns:
        ``[F, E]`` the state after.
    """
    return _GruGates.apply(x.to(state.dtype), h.to(state.dtype), state)


def gru_lookup(
    by_key: Tensor,
    key: Tensor,
    by_age: Tensor,
    age: Tensor,
    weight: Tensor,
    bias: Tensor,
    state: Tensor,
    valid: Tensor | None = None,
    extra: Tensor | None = None,
) -> Tensor:
    """One GRU step whose projected input is looked up: ``by_key[:, key] + by_age[:, age] + extra``.

    Args:
        by_key: ``[3F, N]``.
        key: int ``[E]``.
        by_age: ``[3F, G]``.
        age: int64 ``[E]``.
        weight: ``[3F, F]``, projects the state.
        bias: ``[3F]``.
        state: ``[F, E]``; gets no gradient.
        valid: ``[E]``, 1 or 0, what the result is multiplied with, or ``None``; gets no gradient.
        extra: ``[3F, E]`` or ``None``.

    Returns:
        ``[F, E]``.
    """
    by_key = by_key.to(state.dtype)  # half precision under autocast
    return _GruLookup.apply(by_key, key, by_age, age, weight, bias, state, valid, extra)


def _forward(x: Tensor, h: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    size = state.shape[0]
    rz = (x[: 2 * size] + h[: 2 * size]).sigmoid_()
    h_n = h[2 * size :]
    n = torch.addcmul(x[2 * size :], rz[:size], h_n).tanh_()
    return rz, n, h_n, torch.lerp(n, state, rz[size:])


def _backward(
    grad: Tensor, rz: Tensor, n: Tensor, h_n: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    size = state.shape[0]
    r, z = rz[:size], rz[size:]
    g_x = torch.empty((3 * size, state.shape[1]), dtype=grad.dtype, device=grad.device)
    g_state = grad * z
    g_n = torch.sub(grad, g_state, out=g_x[2 * size :])
    g_n.addcmul_(g_n * n, n, value=-1)  # times 1 - n^2
    g_rz = g_x[: 2 * size]
    torch.mul(g_n, h_n, out=g_rz[:size])
    torch.mul(grad, state - n, out=g_rz[size:])
    g_rz.mul_(rz)
    g_rz.addcmul_(g_rz, rz, value=-1)  # times rz (1 - rz)
    return g_x, torch.cat([g_rz, g_n * r]), g_state


class _GruGates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, state: Tensor) -> Tensor:
        rz, n, h_n, out = _forward(x, h, state)
        ctx.save_for_backward(rz, n, h_n, state)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        g_x, g_h, g_state = _backward(grad, *ctx.saved_tensors)
        return g_x, g_h, g_state if ctx.needs_input_grad[2] else None


class _GruLookup(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        by_key: Tensor,
        key: Tensor,
        by_age: Tensor,
        age: Tensor,
        weight: Tensor,
        bias: Tensor,
        state: Tensor,
        valid: Tensor | None,
        extra: Tensor | None,
    ) -> Tensor:
        x = by_key.index_select(1, key).add_(by_age.index_select(1, age))
        if extra is not None:
            x.add_(extra.to(x.dtype))
        h = torch.addmm(bias.unsqueeze(1), weight, state).to(state.dtype)
        rz, n, h_n, out = _forward(x, h, state)
        ctx.save_for_backward(key, age, weight, rz, n, h_n, state, valid)
        ctx.sizes = by_key.shape[1], by_age.shape[1]
        return out if valid is None else out.mul_(valid)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        key, age, _, rz, n, h_n, state, valid = ctx.saved_tensors
        g_x, g_h, _ = _backward(grad if valid is None else grad * valid, rz, n, h_n, state)
        g_key = _add_columns(g_x, key, ctx.sizes[0]) if ctx.needs_input_grad[0] else None
        g_age = _add_columns(g_x, age, ctx.sizes[1]) if ctx.needs_input_grad[2] else None
        g_extra = g_x if ctx.needs_input_grad[8] else None
        return g_key, None, g_age, None, g_h @ state.t(), g_h.sum(1), None, None, g_extra


def _add_columns(source: Tensor, index: Tensor, size: int) -> Tensor:
    """The gradient of ``[:, index]``; index_add along the last axis would go slice by slice."""
    out = torch.zeros(source.shape[0], size, dtype=source.dtype, device=source.device)
    return out.scatter_add_(1, index.long().expand(source.shape[0], -1), source)
