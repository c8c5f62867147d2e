r"""Weights that a gradient step per token changes, with momentum and forgetting.

A memory is a multilayer perceptron without biases, GELU between layers. With the loss
:math:`\ell_t = \lVert M(k_t) - v_t \rVert^2` and its gradient at weights :math:`\hat M`
(Behrouz, Zhong, Mirrokni, arXiv 2501.00663, equations 11 to 14):

.. math::
    S_t = \eta_t S_{t-1} - \theta_t \nabla \ell_t(\hat M), \qquad
    M_t = (1 - \alpha_t) M_{t-1} + S_t

The gradient of one token is an outer product in every layer, :math:`u_t a_t^\top`. If
:math:`\hat M` is the same for a chunk of tokens, both recurrences are linear and their solution is

.. math::
    M_t = B_t M_0 + C_t S_0 - \sum_{i \le t} P_{ti}\, \theta_i\, u_i a_i^\top

with numbers :math:`B, C, P` made of the gates. So reading a chunk is a masked attention over the
chunk, layer by layer, and no token's weights are ever formed. Everywhere tokens are
``[B, H, b, d]``, gates ``[B, H, b]``, weights a tuple of ``[B, H, out, in]``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "Gates",
    "Plan",
    "chunk_plan",
    "decay_matrix",
    "read_weights",
    "token_gradients",
    "write_chunk",
    "write_token",
]

Weights = tuple[Tensor, ...]
_TINY = 1e-38


class Gates(NamedTuple):
    r"""Step :math:`\theta > 0`, forgetting :math:`\alpha` and momentum :math:`\eta` in [0, 1].

    ``valid`` (bool, broadcast to these, or ``None`` for all): other tokens leave weights and
    momentum alone.
    """

    theta: Tensor
    alpha: Tensor
    eta: Tensor
    valid: Tensor | None = None


class Plan(NamedTuple):
    """What the gates of a chunk say about it; see :func:`chunk_plan`."""

    by_weights: Tensor  # B [..., b, 1]
    by_momentum: Tensor  # C [..., b, 1]
    by_token: Tensor  # P times theta [..., b, b]
    end_weights: Tensor  # the same for the last token: [..., 1, 1]
    end_momentum: Tensor
    end_token: Tensor  # [..., b, 1]
    swing: Tensor  # and for the momentum
    swing_token: Tensor


def read_weights(weights: Weights, q: Tensor) -> Tensor:
    """:math:`M(q)` for tokens ``[B, H, b, d]``."""
    for index, weight in enumerate(weights):
        q = (_gelu(q)[0] if index else q) @ weight.transpose(-1, -2)
    return q


def token_gradients(
    weights: Weights, k: Tensor, v: Tensor, max_norm: float | None = None
) -> tuple[list[Tensor], list[Tensor]]:
    """The gradient of each token's loss: by layers, left and right factor of the outer product.

    Args:
        weights: Where to take it.
        k, v: Keys and values.
        max_norm: Gradients are scaled softly towards this norm, ``g / (1 + |g| / max_norm)``.

    Returns:
        ``(u, a)``: the gradient by ``weights[l]`` is ``u[l] a[l]^T`` for each token.
    """
    inputs, slopes = [k], []
    for weight in weights[:-1]:
        z = inputs[-1] @ weight.transpose(-1, -2)
        activation, slope = _gelu(z)
        inputs.append(activation)
        slopes.append(slope)
    u = 2 * (inputs[-1] @ weights[-1].transpose(-1, -2) - v)
    lefts = [u]
    for weight, slope in zip(reversed(weights[1:]), reversed(slopes)):
        u = (u @ weight) * slope
        lefts.append(u)
    lefts.reverse()
    if max_norm is not None:
        square = sum(
            u.square().sum(-1, True) * a.square().sum(-1, True) for u, a in zip(lefts, inputs)
        )
        scale = max_norm / (max_norm + torch.sqrt(square + _TINY))
        lefts = [u * scale for u in lefts]
    return lefts, inputs


def chunk_plan(gates: Gates, *, before: bool = False) -> Plan:
    """The numbers B, C and P of chunks, ``b`` tokens each; leading axes are kept.

    Args:
        gates: Of each token, ``[..., b]``.
        before: Read each token before it is written instead of after.
    """
    theta, kept, eta, valid = gates.theta, 1 - gates.alpha, gates.eta, gates.valid
    if valid is not None:
        theta, kept, eta = theta * valid, kept.where(valid, 1), eta.where(valid, 1)
    keep, decay = decay_matrix(kept), decay_matrix(eta)
    by_weights, start = keep[..., 1:, 0], decay[..., 1:, 0]  # what came before the chunk
    keep, decay = keep[..., 1:, 1:], decay[..., 1:, 1:]
    if valid is not None:  # momentum is added to the weights at valid tokens only
        keep = keep * valid[..., None, :]
    by_momentum = (keep @ start[..., None]).squeeze(-1)
    by_token = keep @ decay * theta[..., None, :]
    end = (
        by_weights[..., -1, None, None],
        by_momentum[..., -1, None, None],
        by_token[..., -1, :, None],
        start[..., -1, None, None],
        (decay[..., -1, :] * theta)[..., None],
    )
    if before:  # one row up; the first token reads what the chunk began with
        by_weights = F.pad(by_weights, (1, 0), value=1.0)[..., :-1]
        by_momentum = F.pad(by_momentum, (1, 0))[..., :-1]
        by_token = F.pad(by_token, (0, 0, 1, 0))[..., :-1, :]
    return Plan(by_weights[..., None], by_momentum[..., None], by_token, *end)


def write_chunk(
    weights: Weights,
    momentum: Weights,
    anchor: Weights,
    k: Tensor,
    v: Tensor,
    q: Tensor,
    plan: Plan,
    max_norm: float | None = None,
) -> tuple[Tensor, Weights, Weights]:
    """Writes tokens whose gradients are all taken at ``anchor``, and reads at each of them.

    Args:
        weights, momentum: M and S before the chunk.
        anchor: Where gradients are taken.
        k, v, q: Keys, values, queries.
        plan: :func:`chunk_plan` of the tokens' gates.
        max_norm: See :func:`token_gradients`.

    Returns:
        ``(y [B, H, b, d], M, S)``, the latter two after the chunk. What invalid tokens read does
        not matter.
    """
    lefts, rights = token_gradients(anchor, k, v, max_norm)
    y = q
    for index, (m, s, u, a) in enumerate(zip(weights, momentum, lefts, rights)):
        y = _gelu(y)[0] if index else y
        new = plan.by_weights * (y @ m.transpose(-1, -2))
        new = torch.addcmul(new, plan.by_momentum, y @ s.transpose(-1, -2))
        y = new - (plan.by_token * (y @ a.transpose(-1, -2))) @ u
    after, swung = [], []
    for m, s, u, a in zip(weights, momentum, lefts, rights):
        after.append(
            torch.addcmul(plan.end_weights * m, plan.end_momentum, s)
            - (u * plan.end_token).transpose(-1, -2) @ a
        )
        swung.append(plan.swing * s - (u * plan.swing_token).transpose(-1, -2) @ a)
    return y, tuple(after), tuple(swung)


def write_token(
    weights: Weights,
    momentum: Weights,
    anchor: Weights,
    k: Tensor,
    v: Tensor,
    gates: Gates,
    *,
    max_norm: float | None = None,
) -> tuple[Weights, Weights]:
    """The equations as written, for one token (``b = 1``): ``(M, S)`` after it."""
    lefts, rights = token_gradients(anchor, k, v, max_norm)
    theta, alpha, eta = (gate[..., None] for gate in gates[:3])  # [B, H, 1, 1]
    momentum = tuple(
        eta * s - theta * (u.transpose(-1, -2) @ a) for s, u, a in zip(momentum, lefts, rights)
    )
    return tuple((1 - alpha) * m + s for m, s in zip(weights, momentum)), momentum


def decay_matrix(gate: Tensor) -> Tensor:
    r"""Products of gates between any two tokens.

    Args:
        gate: ``[..., b]`` in [0, 1].

    Returns:
        ``[..., b + 1, b + 1]``: row t, column i is :math:`\prod_{s = i + 1}^{t} g_s` with tokens
        counted from 1, zero for i > t.
    """
    size = gate.shape[-1] + 1
    log = F.pad(gate.clamp(min=_TINY).log(), (1, 0))
    # Sums over s in (i, t], each added up from its own start: no difference of large sums.
    below = torch.ones(size, size, dtype=torch.bool, device=gate.device).tril(-1)
    sums = torch.where(below, log[..., :, None], 0).cumsum(-2)
    return torch.where(below | below.new_ones(size).diag(), sums, -torch.inf).exp()


def _gelu(z: Tensor) -> tuple[Tensor, Tensor]:
    """GELU and its derivative. (torch's own costs more than this on tensors of a few numbers.)"""
    normal = torch.erf(z * 0.5**0.5).add(1).mul(0.5)
    return z * normal, normal + z * torch.exp(z * z * -0.5) * (2 * math.pi) ** -0.5
