r"""Propagation without weights, and the gate that adds up what it finds at every distance.

With :math:`H_0 = Z` and :math:`H_l = \hat A H_{l-1}`,

.. math::
    \mathrm{out} = \sum_{l=0}^{K} g_l \odot H_l, \qquad g_l = \sigma(H_l s + b)

where one gate :math:`g_{l,i}` belongs to a node and a distance. :func:`gated_propagation` is the
fast path, :func:`gated_propagation_reference` the same thing in six lines. Let
:math:`r_l = \langle H_l, d\mathrm{out} \rangle` (per node) and :math:`q_l = g_l (1 - g_l) r_l`.
Then what reaches :math:`H_l` directly is :math:`D_l = g_l\, d\mathrm{out} + q_l s^\top`, and

.. math::
    dZ = \sum_l (\hat A^\top)^l D_l, \qquad ds = \sum_l H_l^\top q_l, \qquad db = \sum_{l,i} q_{l,i}

where the first sum takes K products from the inside out (Horner), so the backward pass needs no
graph of K steps. The :math:`H_l` are kept for it while they are small; beyond a limit they are
computed once more, and memory does not grow with K but for two numbers per node and distance.
Several runs go through one graph together as a last axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphkit.errors import GraphError
from graphkit.ops.compiled import use_compiled
from graphkit.ops.csr import CSR
from graphkit.ops.propagate import loops

__all__ = ["gated_propagation"]

_KEPT_BYTES = 32 << 20  # the H_l of all distances, kept for the backward pass up to this size
_LOOPED_RUNS = 4  # from so many runs side by side on, loops over them beat tensor operations


def gated_propagation(
    z: Tensor,
    s: Tensor,
    b: Tensor,
    adjacency: CSR,
    K: int,
    *,
    keep: bool | None = None,
) -> Tensor:
    r"""K steps of propagation, each added to the result as far as its gates let it.

    Args:
        z: :math:`(n, c, r)`, r runs side by side that share nothing but the graph.
        s: :math:`(c, r)`, what the gates look for.
        b: :math:`(r)`.
        adjacency: :math:`\hat A`, with values of the dtype of ``z``.
        K: Number of steps, 0 or more.
        keep: Whether the backward pass keeps all :math:`H_l`, ``(K + 1) n c r`` numbers (faster),
            or makes them again (K products more). ``None``: keep up to 32 MiB.

    Returns:
        :math:`(n, c, r)`. Without gradients, memory does not depend on K.
    """
    if K < 0:
        raise GraphError("K", "not a number of steps", expected=">= 0", got=K)
    if keep is None:
        keep = (K + 1) * z.numel() * z.element_size() <= _KEPT_BYTES
    return _GatedPropagation.apply(z, s, b, adjacency, K, keep)


class _GatedPropagation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, s: Tensor, b: Tensor, adjacency: CSR, K: int, keep: bool):
        n, c, runs = z.shape
        z, s, b = z.contiguous(), s.contiguous(), b.contiguous()
        learns = any(ctx.needs_input_grad[:3])
        keep = keep and learns
        add, _ = _gate_steps(z)
        # H_1, H_2, ...: all of them, or two that take turns.
        hops = z.new_empty(K if keep else min(K, 2), n, c, runs)
        gates = z.new_empty(K + 1 if learns else 1, n, runs)
        out, h = torch.zeros_like(z), z
        for step in range(K + 1):
            if step:
                to = hops[(step - 1) % len(hops)]
                adjacency.matmul_into(h.view(n, c * runs), out=to.view(n, c * runs))
                h = to
            add(h, s, b, gates[step if learns else 0], out)
        if learns:
            ctx.adjacency, ctx.K = adjacency, K
            ctx.save_for_backward(s, gates, z, hops if keep else None)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout: Tensor):
        s, gates, z, hops = ctx.saved_tensors
        K, adjacency = ctx.K, ctx.adjacency
        n, c, runs = dout.shape
        width = c * runs
        dout = dout.contiguous()
        _, pull = _gate_steps(z)
        q, ds = torch.empty_like(gates), torch.zeros_like(s)
        if hops is None:
            h, to, spare = z, torch.empty_like(z), torch.empty_like(z)
            for step in range(K + 1):
                if step:
                    adjacency.matmul_into(h.view(n, width), out=to.view(n, width))
                    h, to, spare = to, spare, to
                pull(h, dout, gates[step], s, q[step], ds, None)
        dz = None
        local = [torch.empty_like(z) for _ in range(3 if K else 1)]
        back = adjacency.transposed if K else None
        for step in range(K, -1, -1):
            if hops is None:
                here = torch.mul(dout, gates[step].unsqueeze(1), out=local[0])
                here.addcmul_(q[step].unsqueeze(1), s)
            else:
                here = local[0]
                pull(hops[step - 1] if step else z, dout, gates[step], s, q[step], ds, here)
            if dz is None:
                dz, local[0] = here, local[-1]
                continue
            to = local[1]
            back.matmul_into(dz.view(n, width), out=to.view(n, width), add=here.view(n, width))
            dz, local[1] = to, dz
        return dz, ds, q.sum((0, 1)), None, None, None


def _gate_steps(z: Tensor) -> tuple[Callable[..., None], Callable[..., None]]:
    """What happens at one distance, forward and backward: as loops, or as tensor operations."""
    if z.shape[2] >= _LOOPED_RUNS and use_compiled(z):
        return _add_by_loops, _pull_by_loops
    return _add, _pull


def _add(h: Tensor, s: Tensor, b: Tensor, gate: Tensor, out: Tensor) -> None:
    """Write the gate of a distance and add what it lets in to ``out``."""
    inner = h.squeeze(2) @ s if s.shape[1] == 1 else (h * s).sum(1)
    torch.sigmoid(inner.add_(b), out=gate)
    out.addcmul_(h, gate.unsqueeze(1))


def _add_by_loops(h: Tensor, s: Tensor, b: Tensor, gate: Tensor, out: Tensor) -> None:
    loops.look(h.numpy(), s.numpy(), b.numpy(), gate.numpy())
    gate.sigmoid_()
    loops.add_gated(h.numpy(), gate.numpy(), out.numpy())


def _pull(
    h: Tensor, dout: Tensor, gate: Tensor, s: Tensor, q: Tensor, ds: Tensor, local: Tensor | None
) -> None:
    """Write q of a distance, add its part to ``ds``, and write what reaches H directly."""
    torch.mul((h * dout).sum(1), gate * (1 - gate), out=q)
    ds += (h * q.unsqueeze(1)).sum(0)
    if local is not None:
        torch.mul(dout, gate.unsqueeze(1), out=local).addcmul_(q.unsqueeze(1), s)


def _pull_by_loops(
    h: Tensor, dout: Tensor, gate: Tensor, s: Tensor, q: Tensor, ds: Tensor, local: Tensor | None
) -> None:
    local = torch.empty_like(h) if local is None else local
    loops.pull_back(*(t.numpy() for t in (h, dout, gate, s, q, ds, local)))
