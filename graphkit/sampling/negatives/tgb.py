"""Lists of negatives as the Temporal Graph Benchmark draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from graphkit.checks import check_count
from graphkit.data.splits import Split
from graphkit.errors import GraphError
from graphkit.sampling.negatives.fixed import FixedNegatives

if TYPE_CHECKING:
    from graphkit.data import TemporalGraph

__all__ = ["tgb_negatives"]

_SEED = 42
_CELLS = 1 << 28  # candidates of one split; 1 GiB of int32


def tgb_negatives(split: Split, num: int | None, seed: int = _SEED) -> dict[str, FixedNegatives]:
    r"""Draw the lists of negatives of validation and test as the generator of TGB does.

    For an event :math:`(u, v, t)`, :math:`P` are the destinations of :math:`u` at exactly
    :math:`t` in the same split, and :math:`S` the destinations of :math:`u` in training. At most
    ``num // 2`` negatives are drawn from :math:`S - P`, and the others from all integers between
    the smallest and the largest destination of the stream, except :math:`P` and :math:`S`; both
    without replacement. If there are too few, all of them are used, so that lists may be shorter
    than ``num``; they are padded with -1. Events with equal source, destination and time share a
    list.

    Draws are those of NumPy's ``RandomState(seed)``, for validation first, and equal those of the
    published generator (strategy ``hist_rnd``).

    Source: Huang et al., "Temporal Graph Benchmark for Machine Learning on Temporal Graphs",
    NeurIPS 2023 Datasets and Benchmarks, arXiv 2307.01026, and its public code.

    Args:
        split: Training, validation and test events.
        num: Number of negatives per event; ``None`` for every possible destination, as in
            tgbl-wiki-v2.
        seed: Seed of the draws.

    Returns:
        The lists of ``"val"`` and ``"test"``.

    Raises:
        GraphError: A split has no event, or the lists do not fit into memory.
    """
    if min(map(len, split)) == 0:
        raise GraphError("split", "a period has no event", expected="events in all three")
    train = split.train
    seen = _destinations(train.src, train.dst)
    every = [torch.stack(torch.aminmax(part.dst)) for part in split]
    low, high = (int(v) for v in torch.aminmax(torch.cat(every)))
    if num is not None:
        num = check_count(num, "num", "an event needs negatives")
    random = np.random.RandomState(seed)
    return {
        name: _lists(getattr(split, name), seen, low, high, num, random) for name in ("val", "test")
    }


def _lists(
    events: TemporalGraph,
    seen: dict[int, np.ndarray],
    low: int,
    high: int,
    num: int | None,
    random: np.random.RandomState,
) -> FixedNegatives:
    every = np.arange(low, high + 1)
    width = every.size if num is None else min(num, every.size)
    if len(events) * width > _CELLS:
        raise GraphError(
            "num",
            "the lists do not fit into memory",
            expected=f"at most {_CELLS // len(events):,} candidates for {len(events):,} events",
            got=width,
            fix="Pass num_negatives=, or the published lists.",
        )
    src, dst, t = (c.cpu().numpy() for c in (events.src, events.dst, events.t))
    true: dict[tuple[int, int | float], list[int]] = {}
    rows = list(zip(src.tolist(), dst.tolist(), t.tolist()))
    for u, v, when in rows:
        true.setdefault((u, when), []).append(v)
    lists = np.full((len(rows), width), -1, dtype=np.int32)
    last: dict[tuple[int, int, int | float], int] = {}
    most, empty = 0, np.zeros(0, dtype=np.int64)
    for i, (u, v, when) in enumerate(rows):
        now = np.array(true[u, when])
        history = seen.get(u, empty)
        found = np.setdiff1d(history, now)
        others = np.setdiff1d(every, np.concatenate([now, history]))
        if num is not None:
            if history.size:
                found = random.choice(found, min(num // 2, found.size), replace=False)
            if num - found.size <= others.size:
                others = random.choice(others, num - found.size, replace=False)
        row = np.concatenate([found, others])
        lists[i, : row.size] = row
        most = max(most, row.size)
        last[u, v, when] = i
    for i, key in enumerate(rows):  # equal events share the list that was drawn last
        lists[i] = lists[last[key]]
    if most == 0:
        raise GraphError("dst", "there is no destination that could be a negative")
    return FixedNegatives(
        torch.from_numpy(lists[:, :most]), events.event_id.cpu().clone(), padded=True
    )


def _destinations(src: Tensor, dst: Tensor) -> dict[int, np.ndarray]:
    """Distinct destinations of each source, sorted."""
    pairs = torch.stack([src, dst]).unique(dim=1).cpu()
    nodes, counts = pairs[0].unique_consecutive(return_counts=True)
    parts = pairs[1].split(counts.tolist())
    return {int(u): part.numpy() for u, part in zip(nodes, parts)}
