r"""Random pairs without repetition: the negatives of a snapshot.

Draw ``i`` is the pair of a source and a target taken from two lists by
:func:`~graphkit.ops.counter_rng.op.integers`, so it depends on the seed and on ``i`` alone. Kept
are, in the order of the draws, those that are no self pair, not forbidden, and not drawn before.
The tensor path finds repetitions by sorting; the compiled loop keeps one bit per pair of a source
that occurs and a node, stops when it has enough, and returns the same pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphkit.ops import counter_rng
from graphkit.ops.compiled import use_compiled
from graphkit.ops.distinct_pairs import loops

__all__ = ["distinct_pairs"]

_ATTEMPTS = 64  # draws per pair that is wanted, at most
_MOST_BITS = 1 << 31


def distinct_pairs(
    sources: Tensor,
    targets: Tensor,
    forbidden: Tensor,
    num_nodes: int,
    wanted: int,
    *at: int,
) -> Tensor:
    """Sources and targets of different pairs, in the order in which they were drawn.

    Args:
        sources: int64 ``[S]``, where sources are drawn from; repetitions make likelier.
        targets: int64 ``[T]``, where targets are drawn from.
        forbidden: int64 ``[F]``, pairs that are not wanted, as ``source * num_nodes + target``.
        num_nodes: Number of nodes; every id is below it.
        wanted: How many.
        at: Integers that the draws are a function of.

    Returns:
        int64 ``[2, wanted]``; fewer if there are not so many in 64 draws for each that is wanted.
    """
    if wanted <= 0 or not sources.numel() or not targets.numel():
        return sources.new_zeros(2, 0)
    if use_compiled(sources, targets, forbidden):
        different, place = sources.unique(return_inverse=True)
        if different.numel() * num_nodes <= _MOST_BITS:
            return _by_loop(different, place, targets, forbidden, num_nodes, wanted, at)
    known = forbidden.sort().values
    key = sources.new_zeros(0)
    for factor in (1.25, 4, 16, _ATTEMPTS):
        index = torch.arange(_draws(wanted, factor), device=sources.device)
        src = sources[counter_rng.integers(sources.numel(), *at, 0, index)]
        dst = targets[counter_rng.integers(targets.numel(), *at, 1, index)]
        key = src * num_nodes + dst
        allowed = src != dst
        if known.numel():
            place = torch.searchsorted(known, key).clamp_(max=known.numel() - 1)
            allowed &= known[place] != key
        key = key[allowed]
        ranked, order = key.sort(stable=True)
        new = torch.ones_like(ranked, dtype=torch.bool)
        torch.ne(ranked[1:], ranked[:-1], out=new[1:])
        key = key[order[new].sort().values]
        if key.numel() >= wanted:
            break
    key = key[:wanted]
    return torch.stack([torch.div(key, num_nodes, rounding_mode="floor"), key % num_nodes])


def _draws(wanted: int, factor: float) -> int:
    return int(wanted * factor) + 16


def _by_loop(
    different: Tensor,
    place: Tensor,
    targets: Tensor,
    forbidden: Tensor,
    num_nodes: int,
    wanted: int,
    at: tuple[int, ...],
) -> Tensor:
    taken = torch.zeros(different.numel() * num_nodes // 64 + 1, dtype=torch.int64)
    source = forbidden // num_nodes
    row = torch.searchsorted(different, source)
    row.clamp_(max=different.numel() - 1)
    cells = (row * num_nodes + forbidden % num_nodes)[different[row] == source].contiguous()
    out = torch.empty(2, wanted, dtype=torch.int64)
    starts = torch.stack([counter_rng.hash64(*at, 0), counter_rng.hash64(*at, 1)])
    number = loops.draw_pairs(
        different.numpy(),
        place.contiguous().numpy(),
        targets.contiguous().numpy(),
        cells.numpy(),
        taken.numpy().view("uint64"),
        starts.numpy().view("uint64"),
        num_nodes,
        _draws(wanted, _ATTEMPTS),
        out.numpy(),
    )
    return out[:, :number]
