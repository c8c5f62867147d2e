"""Pairs without an edge in a step of a snapshot sequence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.checks import check_choice, check_count
from graphkit.ops.distinct_pairs import distinct_pairs

__all__ = ["StepNegatives"]


class StepNegatives:
    """Draws distinct pairs without an edge in a step.

    The draw is a pure function of seed, epoch and step.

    Args:
        edges: Edges of each step, int64 ``[2, M]``, every pair once.
        num_nodes: Number of nodes.
        per_edge: Number of pairs for each edge of a step, limited to half of all candidate pairs.
        drawn_from: ``"window"``: sources among those of the step, destinations among the nodes of
            the steps before it. ``"all"``: both among all nodes.
        history: Number of steps before the last one of a window.
        seed: Seed of the draws.

    Raises:
        GraphError: ``per_edge`` is not positive.
        UnknownNameError: There is no such ``drawn_from``.
    """

    def __init__(
        self,
        edges: Sequence[Tensor],
        num_nodes: int,
        per_edge: int = 100,
        drawn_from: str = "window",
        history: int = 0,
        seed: int = 0,
    ) -> None:
        self.per_edge = check_count(per_edge, "negatives", "nothing to tell apart")
        self.drawn_from = check_choice(drawn_from, "drawn_from", ("window", "all"))
        self.edges, self.num_nodes, self.history, self.seed = edges, num_nodes, history, seed
        self._most: dict[int, int] = {}

    def draw(self, step: int, epoch: int) -> Tensor:
        """Draw pairs of two nodes without an edge in the step after ``step``, int64 ``[2, K]``."""
        true, n = self.edges[step + 1], self.num_nodes
        known = true[0] * n + true[1]
        at = (self.seed, epoch, step)
        return distinct_pairs(*self._ends(step), known, n, self.count(step), *at)

    def count(self, step: int) -> int:
        """Number of pairs that are drawn for the step after ``step``, ``K``."""
        if step not in self._most:
            true = self.edges[step + 1]
            sources, targets = (ends.unique().numel() for ends in self._ends(step))
            room = sources * targets - true.shape[1]
            self._most[step] = max(0, min(self.per_edge * true.shape[1], room // 2))
        return self._most[step]

    def _ends(self, step: int) -> tuple[Tensor, Tensor]:
        """Sources and destinations to draw from."""
        if self.drawn_from == "all":
            every = torch.arange(self.num_nodes)
            return every, every
        steps = self.edges[max(0, step - self.history) : step + 1]
        return self.edges[step + 1][0], torch.cat([edges.reshape(-1) for edges in steps])
