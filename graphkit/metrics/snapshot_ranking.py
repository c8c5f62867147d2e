r"""Ranking of all pairs of a snapshot: MAP and row-MRR of EvolveGCN, without an N x N array.

Average precision is computed over all :math:`N^2` ordered pairs of a step, self pairs included:
:math:`\sum_k (R_k - R_{k-1}) P_k` over the distinct scores, as scikit-learn defines it. Recall
changes only at scores of positives, so it is enough to count the pairs that reach each of these
scores, and the pairs are processed tile by tile.

MRR is, for each source with a positive, the mean of 1 / rank over its positives among all N
destinations, averaged over the sources. In the unfiltered form of the paper, a positive competes
with the other positives of its source; in the filtered form it does not. Tied scores share the mean
of their ranks (the authors' code breaks ties by index).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.errors import GraphError
from graphkit.metrics.binary import average_precision
from graphkit.metrics.checks import refuse_nan
from graphkit.metrics.ranking import ranks
from graphkit.ops.compiled import use_compiled
from graphkit.ops.ranks import loops

__all__ = ["DrawnRanking", "PairRanking", "rank_all_pairs", "rank_drawn"]


class PairRanking(NamedTuple):
    """Ranking metrics of one step.

    Attributes:
        ap: Average precision over all pairs.
        mrr: Unfiltered row-MRR.
        mrr_filtered: The same without the other positives of the row.
        num_pairs: Number of pairs, the weight of the step in MAP.
    """

    ap: float
    mrr: float
    mrr_filtered: float
    num_pairs: int


def rank_all_pairs(
    score: Callable[[Tensor], Tensor],
    num_rows: int,
    src: Tensor,
    dst: Tensor,
    *,
    position: Tensor | None = None,
    size: Tensor | None = None,
    offsets: tuple[Tensor, Tensor, Tensor] | None = None,
    tile: int = 1 << 22,
    keep: int = 1 << 24,
) -> PairRanking:
    """Rank the positive pairs of a step among all pairs.

    Args:
        score: ``score(rows [R]) -> [R, n]``, the scores of the given rows as sources with all rows
            as destinations. It has to return the same scores in every call.
        num_rows: ``n``.
        src: Sources of the positives, node ids int64 ``[P]``.
        dst: Destinations of the positives; every pair occurs once.
        position: int64 ``[N]``, the row of each node if nodes share rows.
        size: int64 ``[n]``, number of nodes that share each row.
        offsets: Sources, destinations (node ids, every pair once) and what is added to the scores
            of these pairs, ``[Q]`` each.
        tile: Number of scores per tile.
        keep: Largest number of scores of a step that is stored; larger steps are scored twice.

    Raises:
        GraphError: There is no positive, a pair occurs twice, or a score is NaN.
    """
    device = src.device
    if src.numel() == 0:
        raise GraphError("src", "a step without a positive pair has no ranks")
    if size is None:
        size = torch.ones(num_rows, dtype=torch.int64, device=device)
    num_nodes = int(size.sum())
    pair = _refuse_twice("src", src, dst, num_nodes)
    row, column = (src, dst) if position is None else (position[src], position[dst])
    moved = _Moved(offsets, pair, num_nodes, position)

    # The rows of positives come first, because their scores are the thresholds.
    with_positive = torch.zeros(num_rows, dtype=torch.bool, device=device)
    with_positive[row] = True
    with_positive[moved.row] = True
    order = torch.cat([with_positive.nonzero().squeeze(1), (~with_positive).nonzero().squeeze(1)])
    place = torch.empty_like(order)
    place[order] = torch.arange(num_rows, device=device)
    step = max(1, tile // max(num_rows, 1))
    tiles = _Tiles(score, order, step, kept=num_rows * num_rows <= keep)

    by_place = place[row].sort().indices
    value = above = equal = None
    for start, scores in tiles.until(int(with_positive.sum())):
        if value is None:
            value = moved.own.to(scores.dtype)
            above = torch.zeros(src.numel(), dtype=torch.float64, device=device)
            equal = torch.zeros_like(above)
        moved.read(scores, place, start)
        at = place[row[by_place]]
        a, b = torch.searchsorted(at, torch.tensor([start, start + len(scores)], device=device))
        for chosen in by_place[int(a) : int(b)].split(step):
            at_row = place[row[chosen]] - start
            mine = value[chosen] = scores[at_row, column[chosen]] + value[chosen]
            above[chosen], equal[chosen] = _rivals(scores, at_row, mine, size)

    threshold, level = value.unique(return_inverse=True)
    reached = _Reached(threshold, size.double())
    for start, scores in tiles.until(num_rows):
        reached.add(scores, order[start : start + len(scores)])
    counts = reached.counts
    if moved.count:
        for scores, sign in ((moved.before, -1), (moved.after, 1)):
            counts += sign * torch.bincount(
                torch.searchsorted(threshold, scores, right=True), minlength=counts.numel()
            )
            more, same = _among(moved.src, scores, src, value)
            above, equal = above + sign * more, equal + sign * same
    # counts[k]: pairs that reach exactly the k lowest thresholds.
    reaching = counts.flip(0).cumsum(0).flip(0)[1:]
    here = torch.bincount(level, minlength=threshold.numel()).double()
    true = here.flip(0).cumsum(0).flip(0)
    ap = float((here * true / reaching).sum() / src.numel())

    unfiltered = 1 + above + 0.5 * (equal - 1)
    rivals_above, rivals_equal = _among(src, value, src, value)
    filtered = unfiltered - rivals_above - 0.5 * (rivals_equal - 1)
    return PairRanking(ap, _row_mrr(src, unfiltered), _row_mrr(src, filtered), num_nodes**2)


class DrawnRanking(NamedTuple):
    """Ranking metrics of one step whose positives are ranked among drawn pairs.

    Attributes:
        ap: Average precision of the positives against all drawn pairs.
        mrr: Mean over the sources of the mean of 1 / rank over their positives.
        num_pairs: Number of pairs, drawn pairs and positives together.
    """

    ap: float
    mrr: float
    num_pairs: int


def rank_drawn(true: Tensor, drawn: Tensor, src: Tensor) -> DrawnRanking:
    """Rank every positive among the pairs drawn for it.

    Args:
        true: Scores of the positives, ``[P]``.
        drawn: Scores of the pairs drawn for each positive, ``[P, k]``.
        src: Sources of the positives, int64 ``[P]``.

    Raises:
        GraphError: There is no positive, or a score is NaN.
    """
    if src.numel() == 0:
        raise GraphError("src", "a step without a positive pair has no ranks")
    rank = ranks(torch.cat([true.unsqueeze(1), drawn], dim=1))
    ap = average_precision(true, drawn.reshape(-1))
    return DrawnRanking(ap, _row_mrr(src, rank), true.numel() + drawn.numel())


class _Tiles:
    """Yield the scores of all rows in order, a few rows at a time; store them if allowed."""

    def __init__(
        self, score: Callable[[Tensor], Tensor], order: Tensor, step: int, kept: bool
    ) -> None:
        self._score, self._order, self._step = score, order, step
        self._kept: dict[int, Tensor] | None = {} if kept else None

    def until(self, stop: int) -> Iterator[tuple[int, Tensor]]:
        """Yield tiles with their first position, up to the one that holds ``stop - 1``."""
        for start in range(0, stop, self._step):
            if self._kept is not None and start in self._kept:
                yield start, self._kept[start]
                continue
            scores = self._score(self._order[start : start + self._step])
            refuse_nan(scores, "scores")
            if self._kept is not None:
                self._kept[start] = scores
            yield start, scores


class _Moved:
    """Pairs whose scores are changed by an offset, with the scores before and after.

    Attributes:
        own: ``[P]``, the offset of each positive; 0 for positives without an offset.
        src: Sources of the pairs, ``[Q]``.
        row: Rows of the sources.
        before: Scores without the offset, complete after all tiles with these rows are read.
    """

    def __init__(
        self,
        offsets: tuple[Tensor, Tensor, Tensor] | None,
        pair: Tensor,
        num_nodes: int,
        position: Tensor | None,
    ) -> None:
        if offsets is None:
            offsets = pair[:0], pair[:0], torch.zeros(0, device=pair.device)
        self.src, target, self._offset = offsets
        self.count = self.src.numel()
        refuse_nan(self._offset, "offsets")
        key = _refuse_twice("offsets", self.src, target, num_nodes)
        self.row, self._column = (
            (self.src, target) if position is None else (position[self.src], position[target])
        )
        self.own = self._offset.new_zeros(pair.numel())
        if self.count:
            key, order = key.sort()
            found = torch.searchsorted(key, pair).clamp(max=self.count - 1)
            self.own = torch.where(key[found] == pair, self._offset[order[found]], self.own)
        self.before = self._offset

    @property
    def after(self) -> Tensor:
        """Scores of the pairs with the offset."""
        return self.before + self._offset.to(self.before.dtype)

    def read(self, scores: Tensor, place: Tensor, start: int) -> None:
        """Read the scores of the pairs from a tile whose first row has position ``start``."""
        if start == 0:
            self.before = scores.new_zeros(self.count)
        at = place[self.row] - start
        here = ((at >= 0) & (at < len(scores))).nonzero().squeeze(1)
        self.before[here] = scores[at[here], self._column[here]]


class _Reached:
    """``counts[k]``: number of pairs whose score reaches exactly the k lowest thresholds."""

    def __init__(self, threshold: Tensor, weight: Tensor) -> None:
        self._threshold, self._weight = threshold, weight
        self.counts = weight.new_zeros(threshold.numel() + 1)
        span = float(threshold[-1]) - float(threshold[0])
        cells = 4 * threshold.numel()
        self._scale = cells / span if span > 0 else 0.0
        self._start: Tensor | None = None
        if use_compiled(threshold, weight) and math.isfinite(span) and math.isfinite(self._scale):
            self._start = torch.empty(cells + 1, dtype=torch.int64)
            loops.cells_of(threshold.numpy(), self._scale, self._start.numpy())

    def add(self, scores: Tensor, rows: Tensor) -> None:
        """Count the scores ``[R, n]`` of some rows with all rows."""
        owner = self._weight[rows]
        if self._start is not None and use_compiled(scores):
            loops.count_reached(
                scores.contiguous().numpy(),
                self._threshold.numpy(),
                self._scale,
                self._start.numpy(),
                owner.numpy(),
                self._weight.numpy(),
                self.counts.numpy(),
            )
            return
        reached = torch.searchsorted(self._threshold, scores.reshape(-1), right=True)
        pairs = (owner.unsqueeze(1) * self._weight).reshape(-1)
        self.counts += torch.bincount(reached, weights=pairs, minlength=self.counts.numel())


def _rivals(scores: Tensor, row: Tensor, value: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Number of nodes that score above each value in its row, and number that score the same."""
    if use_compiled(scores, row, value, size):
        found = torch.empty(2, len(row), dtype=torch.float64)
        given = (scores.contiguous(), row, value, size, *found)
        loops.count_rivals(*(t.numpy() for t in given))
        return found[0], found[1]
    line, mine = scores[row], value.unsqueeze(1)
    above, equal = (torch.where(m, size, 0).sum(dim=1) for m in (line > mine, line == mine))
    return above.double(), equal.double()


def _among(row: Tensor, scores: Tensor, of_row: Tensor, of: Tensor) -> tuple[Tensor, Tensor]:
    """Number of scores above and number equal to each of the other scores of the same row."""
    _, level = torch.cat([scores, of]).unique(return_inverse=True)
    width = level.numel() + 1
    ranked = (row * width + level[: scores.numel()]).sort().values
    line = row.sort().values
    key = of_row * width + level[scores.numel() :]
    upto = torch.searchsorted(ranked, key, right=True)
    equal = upto - torch.searchsorted(ranked, key)
    above = torch.searchsorted(line, of_row, right=True) - upto
    return above.double(), equal.double()


def _refuse_twice(name: str, src: Tensor, dst: Tensor, num_nodes: int) -> Tensor:
    """Encode the pairs as ``src * N + dst``; every pair has to occur once."""
    pair = src * num_nodes + dst
    if pair.unique().numel() != pair.numel():
        raise GraphError(name, "a pair occurs twice", fix="Give every pair once.")
    return pair


def _row_mrr(src: Tensor, rank: Tensor) -> float:
    """Mean over the sources of the mean of 1 / rank."""
    _, owner, count = src.unique(return_inverse=True, return_counts=True)
    total = torch.zeros(count.numel(), dtype=torch.float64, device=src.device)
    return float((total.index_add_(0, owner, rank.reciprocal()) / count).mean())
