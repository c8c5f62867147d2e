r"""Linear attention with decay, in three forms that agree.

.. math:: S_t = \mathrm{diag}(a_t) S_{t-1} + k_t v_t^\top, \qquad o_t = S_t^\top q_t

with :math:`a_t \in (0, 1]^{d_k}`, or one number for all channels. Written out,
:math:`o_i = \sum_{j \le i} \sum_c q_{ic} k_{jc}\, e^{b_{ic} - b_{jc}} v_j` with
:math:`b_t = \sum_{i \le t} \log a_i` (Yang et al., arXiv 2312.06635; Sun et al., arXiv 2307.08621).

Decay stays in log space, and only differences :math:`b_i - b_j \le 0` are exponentiated. Within a
chunk the pairs of a later and an earlier half share the reference :math:`z`, the last b of the
earlier half, :math:`(q\, e^{b - z}) (k\, e^{z - b})^\top`; the halves are cut in two in turn. That
is exact for any decay, where one reference for a whole chunk overflows; where it cannot overflow,
it is taken.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError, UnknownNameError
from graphkit.ops.scan import affine_scan

__all__ = ["ATTENTION_FORMS", "linear_attention", "linear_attention_step"]

ATTENTION_FORMS = ("parallel", "chunkwise", "recurrent")
# Exponents up to this may be multiplied in pairs without overflow.
_SAFE = {torch.float32: 60.0, torch.float64: 600.0}


def linear_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor | None = None,
    initial: Tensor | None = None,
    *,
    form: str = "chunkwise",
    chunk_size: int = 32,
    kernels: str = "torch",
) -> tuple[Tensor, Tensor]:
    """Causal linear attention with decay.

    Args:
        q: ``[..., L, dk]``, scaled by the caller.
        k: ``[..., L, dk]``.
        v: ``[..., L, dv]``.
        log_decay: ``[..., L, dk]`` or ``[..., L, 1]``, at most 0; no decay by default. A position
            with ``k = 0`` and ``log_decay = 0`` leaves no trace.
        initial: ``[..., dk, dv]``, the state before; zeros by default.
        form: ``"parallel"``: all pairs, ``O(L^2)``; ``"chunkwise"``: pairs within chunks, a scan
            over chunks; ``"recurrent"``: step by step.
        chunk_size: Positions of a chunk.
        kernels: ``"fla"`` runs the chunkwise form of ``[B, H, L, d]`` on a GPU with the Triton
            kernels of flash-linear-attention, whose products are less exact (their own tests allow
            5e-3); other forms and devices, and ``"torch"``, are plain torch.

    Returns:
        ``(out [..., L, dv], state [..., dk, dv])``; sums are kept in float32 at least.

    Raises:
        GraphError: The decay does not fit, or flash-linear-attention is needed and absent.
        UnknownNameError: No such form or kernels.
    """
    if kernels not in ("torch", "fla"):
        raise UnknownNameError("kernels", kernels, ("torch", "fla"))
    if form not in ATTENTION_FORMS:
        raise UnknownNameError("form", form, ATTENTION_FORMS)
    length, dk = k.shape[-2:]
    if log_decay is not None and log_decay.shape[-2:] not in ((length, dk), (length, 1)):
        raise GraphError(
            "log_decay",
            "does not fit k",
            expected=f"[..., {length}, {dk}] or [..., {length}, 1]",
            got=list(log_decay.shape),
        )
    dtype = v.dtype
    if dtype in (torch.float16, torch.bfloat16):
        q, k, v = q.float(), k.float(), v.float()
    if initial is None:
        initial = v.new_zeros(*v.shape[:-2], dk, v.shape[-1])
    initial = initial.to(v.dtype)
    log_decay = None if log_decay is None else log_decay.to(v.dtype)
    if kernels == "fla" and form == "chunkwise" and q.is_cuda:
        out, state = _fla(q, k, v, log_decay, initial)
    elif form == "recurrent":
        out, state = _recurrent(q, k, v, log_decay, initial)
    else:
        size = length if form == "parallel" else min(chunk_size, length)
        out, state = _chunkwise(q, k, v, log_decay, initial, max(size, 1))
    return out.to(dtype), state


def linear_attention_step(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor | None, state: Tensor
) -> tuple[Tensor, Tensor]:
    """One position: q, k ``[..., dk]``, v ``[..., dv]``, decay ``[..., dk]`` or ``[..., 1]``."""
    if log_decay is not None:
        state = state * log_decay.exp().unsqueeze(-1)
    state = state + k.unsqueeze(-1) * v.unsqueeze(-2)
    return (q.unsqueeze(-2) @ state).squeeze(-2), state


def _fla(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor | None, initial: Tensor
) -> tuple[Tensor, Tensor]:
    try:
        from fla.ops.gla import chunk_gla
    except Exception as error:  # absent, or built for another torch or Triton
        raise GraphError(
            "kernels",
            f"flash-linear-attention cannot be loaded ({type(error).__name__}: {error})",
            fix="Run pip install flash-linear-attention, or take kernels='torch'.",
        ) from error
    decay = torch.zeros_like(k) if log_decay is None else log_decay.expand_as(k)
    parts = (x.transpose(1, 2).contiguous() for x in (q, k, v, decay))  # [B, L, H, d] there
    out, state = chunk_gla(*parts, scale=1.0, initial_state=initial, output_final_state=True)
    return out.transpose(1, 2), state


def _recurrent(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor | None, state: Tensor
) -> tuple[Tensor, Tensor]:
    steps = [q.unbind(-2), k.unbind(-2), v.unbind(-2)]
    steps.append([None] * len(steps[0]) if log_decay is None else log_decay.unbind(-2))
    outputs = []
    for q_t, k_t, v_t, decay in zip(*steps):
        out, state = linear_attention_step(q_t, k_t, v_t, decay, state)
        outputs.append(out)
    return torch.stack(outputs, -2), state


def _chunkwise(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor | None, initial: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    length = k.shape[-2]
    pad = -length % size
    q, k, v, log_decay = (
        None if x is None else _cut(x, pad, size) for x in (q, k, v, log_decay)
    )  # [..., N, C, d]
    if log_decay is None:
        b = total = None
        k_out, q_in = k, q
    else:
        b = log_decay.cumsum(-2)
        total = b[..., -1:, :]
        k_out, q_in = k * (total - b).exp(), q * b.exp()
    out = _within(q, k, v, b)
    update = k_out.transpose(-1, -2) @ v  # [..., N, dk, dv]
    states = _over_chunks(update, total, initial)
    before = torch.cat([initial.unsqueeze(-3), states[..., :-1, :, :]], -3)
    out = (out + q_in @ before).flatten(-3, -2)
    return out[..., :length, :], states[..., -1, :, :]


def _cut(x: Tensor, pad: int, size: int) -> Tensor:
    if pad:
        x = torch.nn.functional.pad(x, (0, 0, 0, pad))
    return x.unflatten(-2, (-1, size))


def _over_chunks(update: Tensor, total: Tensor | None, initial: Tensor) -> Tensor:
    """States after each chunk."""
    if update.shape[-3] == 1:
        first = initial if total is None else initial * total.exp().transpose(-1, -2).squeeze(-3)
        return update + first.unsqueeze(-3)
    if total is None:
        return update.cumsum(-3) + initial.unsqueeze(-3)
    decay = total.exp().squeeze(-2)  # [..., N, dk] or [..., N, 1]
    if decay.shape[-1] > 1:
        decay = decay.unsqueeze(-1).expand_as(update).flatten(-2)
    states = affine_scan(decay, update.flatten(-2), initial.flatten(-2))
    return states.view_as(update)


def _within(q: Tensor, k: Tensor, v: Tensor, b: Tensor | None) -> Tensor:
    """Pairs of one chunk: all are ``[..., C, d]``."""
    size = k.shape[-2]
    if b is None:
        return (q @ k.transpose(-1, -2)).tril() @ v
    if b.shape[-1] == 1:
        later = torch.ones(size, size, dtype=torch.bool, device=k.device).triu(1)
        decay = (b - b.transpose(-1, -2)).masked_fill(later, -torch.inf).exp()
        return (q @ k.transpose(-1, -2) * decay) @ v
    looks = b.device.type == "cpu" and not torch.compiler.is_compiling()
    if looks and float(b.detach().amin()) > -_SAFE[b.dtype]:
        half = b[..., -1:, :].detach() / 2
        p = (q * (b - half).exp()) @ (k * (half - b).exp()).transpose(-1, -2)
        return p.tril() @ v
    return _halves(q, k, v, b)


def _halves(q: Tensor, k: Tensor, v: Tensor, b: Tensor) -> Tensor:
    """As :func:`_within`, for decay of any strength: halves of halves."""
    length = k.shape[-2]
    size = 1 << (length - 1).bit_length()
    if size != length:  # as if nothing came, with the last b
        q, k, v = (torch.nn.functional.pad(x, (0, 0, 0, size - length)) for x in (q, k, v))
        b = torch.cat([b, b[..., -1:, :].expand(*b.shape[:-2], size - length, -1)], -2)
    out = (q * k).sum(-1, keepdim=True) * v
    half = size // 2
    while half:
        q_h, k_h, v_h, b_h = (x.unflatten(-2, (-1, 2, half)) for x in (q, k, v, b))
        early, late = b_h[..., 0, :, :], b_h[..., 1, :, :]
        z = early[..., -1:, :]
        p = (q_h[..., 1, :, :] * (late - z).exp()) @ (
            (k_h[..., 0, :, :] * (z - early).exp()).transpose(-1, -2)
        )
        from_early = p @ v_h[..., 0, :, :]
        both = torch.stack([torch.zeros_like(from_early), from_early], -3)
        out = out + both.flatten(-4, -2)
        half //= 2
    return out[..., :length, :]
