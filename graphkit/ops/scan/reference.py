"""The affine recurrence step by step, and the shapes that its arguments may have."""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.errors import GraphError

__all__ = ["affine_scan_reference"]


def affine_scan_reference(
    a: Tensor,
    b: Tensor,
    initial: Tensor | None = None,
    *,
    reverse: bool = False,
    block: bool = False,
) -> Tensor:
    """The recurrence as written, step by step, with torch's own gradient."""
    a, b, initial, lead = canonical(a, b, initial, block)
    h = step_by_step(a, b, initial, reverse, block)
    return h.view(*lead, *h.shape[1:])


def canonical(
    a: Tensor, b: Tensor, initial: Tensor | None, block: bool
) -> tuple[Tensor, Tensor, Tensor, torch.Size]:
    """Leading axes as one: a ``[M, L, ...]``, b ``[M, L, ...]``, initial ``[M, ...]``."""
    tail = 3 if block else 2
    if b.dim() < tail or a.dim() < tail + block:
        raise GraphError("b", "too few axes", expected="[..., L, D, n]" if block else "[..., L, D]")
    shape = b.shape[-tail:]
    wanted = [(*shape, shape[-1])] if block else [tuple(shape), (shape[0], 1)]
    if tuple(a.shape[a.dim() - tail - block :]) not in wanted:
        raise GraphError("a", "does not fit b", expected=wanted[0], got=tuple(a.shape))
    lead = torch.broadcast_shapes(a.shape[: a.dim() - tail - block], b.shape[:-tail])
    if initial is None:
        initial = b.new_zeros(*lead, *shape[1:])
    elif tuple(initial.shape[-len(shape[1:]) :]) != tuple(shape[1:]):
        raise GraphError(
            "initial", "does not fit b", expected=tuple(shape[1:]), got=tuple(initial.shape)
        )
    rows = lead.numel()
    return (
        a.expand(*lead, *a.shape[a.dim() - tail - block :]).reshape(
            rows, *a.shape[a.dim() - tail - block :]
        ),
        b.expand(*lead, *shape).reshape(rows, *shape),
        initial.expand(*lead, *shape[1:]).reshape(rows, *shape[1:]),
        lead,
    )


def times(a: Tensor, h: Tensor, block: bool) -> Tensor:
    """The product of a state ``h`` with a number, or with a small matrix, for each channel."""
    return (a * h.unsqueeze(-2)).sum(-1) if block else a * h


def step_by_step(a: Tensor, b: Tensor, initial: Tensor, reverse: bool, block: bool) -> Tensor:
    """All states, of arguments that :func:`canonical` arranged."""
    h, found = initial, []
    pairs = list(zip(a.unbind(1), b.unbind(1)))
    for a_t, b_t in reversed(pairs) if reverse else pairs:
        h = times(a_t, h, block) + b_t
        found.append(h)
    found = found[::-1] if reverse else found
    return torch.stack(found, 1) if found else b.clone()
