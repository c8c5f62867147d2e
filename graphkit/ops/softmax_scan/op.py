r"""Softmax attention of one query over every prefix of a sequence, in time linear in its length.

.. math:: o_t = \sum_{i \le t} e^{s_i} v_i \Big/ \sum_{i \le t} e^{s_i}

With the running maximum :math:`m_t`, the denominator and the numerator follow an affine recurrence
whose factors are at most 1 (Feng et al., "Attention as an RNN", arXiv 2405.13956; the online
softmax of Milakov and Gimelshein, arXiv 1805.02867):

.. math::
    u_t = e^{m_{t-1} - m_t} u_{t-1} + e^{s_t - m_t}, \qquad
    w_t = e^{m_{t-1} - m_t} w_{t-1} + e^{s_t - m_t} v_t, \qquad o_t = w_t / u_t .

The result does not depend on :math:`m`, so no gradient flows through it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.errors import UnknownNameError
from graphkit.ops.scan import affine_scan

__all__ = ["SOFTMAX_FORMS", "Softmax", "merge_softmax", "softmax_scan", "softmax_value"]

SOFTMAX_FORMS = ("parallel", "chunkwise", "recurrent")


class Softmax(NamedTuple):
    """What is to be known of a set of tokens; of no token it is ``(-inf, 0, 0)``."""

    m: Tensor  # [...], largest score
    u: Tensor  # [...], sum of exp(s - m)
    w: Tensor  # [..., D], sum of exp(s - m) v


def softmax_scan(
    s: Tensor,
    v: Tensor,
    initial: Softmax | None = None,
    *,
    form: str = "parallel",
    chunk_size: int = 64,
) -> tuple[Tensor, Softmax]:
    """The softmax-weighted mean of every prefix.

    Args:
        s: ``[..., L]`` scores; ``-inf`` leaves a token out.
        v: ``[..., L, D]``.
        initial: What came before; nothing by default.
        form: ``"parallel"``, one scan; ``"chunkwise"``, a matrix product per chunk; or
            ``"recurrent"``, step by step. All agree.
        chunk_size: Positions of a chunk.

    Returns:
        ``([..., L, D], Softmax)``: zeros where no token has been seen, and the state at the end.
    """
    if form not in SOFTMAX_FORMS:
        raise UnknownNameError("form", form, SOFTMAX_FORMS)
    dtype = v.dtype
    if dtype in (torch.float16, torch.bfloat16):
        s, v = s.float(), v.float()
    if initial is None:
        initial = Softmax(torch.full_like(s[..., 0], -torch.inf), *_zeros(s, v))
    if form == "chunkwise":
        out, last = _chunkwise(s, v, initial, chunk_size)
    elif form == "recurrent":
        out, last = _recurrent(s, v, initial)
    else:
        out, last = _parallel(s, v, initial)
    return out.to(dtype), last


def merge_softmax(first: Softmax, second: Softmax) -> Softmax:
    """The state of two sets of tokens together; associative and commutative."""
    m = torch.maximum(first.m, second.m)
    a, b = _weight(first.m, m), _weight(second.m, m)
    return Softmax(
        m,
        first.u * a + second.u * b,
        first.w * a.unsqueeze(-1) + second.w * b.unsqueeze(-1),
    )


def softmax_value(state: Softmax) -> Tensor:
    """The weighted mean ``[..., D]``, zeros for no token."""
    some = (state.u > 0).unsqueeze(-1)
    return torch.where(some, state.w / torch.where(some, state.u.unsqueeze(-1), 1), 0)


def _weight(m: Tensor, reference: Tensor) -> Tensor:
    """``exp(m - reference)``, 0 where both are -inf; m is at most the reference."""
    safe = torch.where(reference.isneginf(), 0, reference)
    return torch.exp(m - safe)


def _zeros(s: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(s[..., 0]), torch.zeros_like(v[..., 0, :])


def _running_max(s: Tensor, initial: Softmax) -> tuple[Tensor, Tensor]:
    """``(before, after)`` each token, ``[..., L]``; without gradient."""
    joined = torch.cat([initial.m.unsqueeze(-1), s], -1).detach()
    m = joined.cummax(-1).values
    return m[..., :-1], m[..., 1:]


def _parallel(s: Tensor, v: Tensor, initial: Softmax) -> tuple[Tensor, Softmax]:
    before, m = _running_max(s, initial)
    fresh = _weight(s, m).unsqueeze(-1)
    b = torch.cat([fresh * v, fresh], -1)
    first = torch.cat([initial.w, initial.u.unsqueeze(-1)], -1)
    h = affine_scan(_weight(before, m).unsqueeze(-1), b, first)
    state = Softmax(m, h[..., -1], h[..., :-1])
    last = Softmax(m[..., -1], h[..., -1, -1], h[..., -1, :-1])
    return softmax_value(state), last


def _recurrent(s: Tensor, v: Tensor, initial: Softmax) -> tuple[Tensor, Softmax]:
    state, outputs = initial, []
    for s_t, v_t in zip(s.unbind(-1), v.unbind(-2)):
        state = merge_softmax(state, Softmax(s_t, (~s_t.isneginf()).to(v.dtype), v_t))
        outputs.append(softmax_value(state))
    return torch.stack(outputs, -2), state


def _chunkwise(s: Tensor, v: Tensor, initial: Softmax, chunk_size: int) -> tuple[Tensor, Softmax]:
    state, outputs = initial, []
    for s_c, v_c in zip(s.split(chunk_size, -1), v.split(chunk_size, -2)):
        _, m = _running_max(s_c, state)
        length = s_c.shape[-1]
        later = torch.ones(length, length, dtype=torch.bool, device=s.device).triu(1)
        score = s_c.unsqueeze(-2).masked_fill(later, -torch.inf)  # [..., query, token]
        p = _weight(score, m.unsqueeze(-1))
        carry = _weight(state.m.unsqueeze(-1), m)
        u = p.sum(-1) + carry * state.u.unsqueeze(-1)
        w = p @ v_c + carry.unsqueeze(-1) * state.w.unsqueeze(-2)
        outputs.append(softmax_value(Softmax(m, u, w)))
        state = Softmax(m[..., -1], u[..., -1], w[..., -1, :])
    return torch.cat(outputs, -2), state
