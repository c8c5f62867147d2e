"""Pairs without an edge in a step: distinct, absent, from the right nodes, drawn again alike."""

from __future__ import annotations

import pytest
import torch

from graphkit.errors import GraphError, UnknownNameError
from graphkit.sampling.negatives.step_pairs import StepNegatives

EDGES = [torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.tensor([[4, 0], [5, 2]]),
         torch.tensor([[0, 1], [4, 3]])]  # fmt: skip


@pytest.mark.parametrize("drawn_from", ["window", "all"])
def test_pairs_of_a_step(drawn_from: str) -> None:
    negatives = StepNegatives(EDGES, 8, 3, drawn_from, history=1, seed=5)
    seen = set()
    for epoch in range(30):
        pairs = negatives.draw(1, epoch)
        found = set(map(tuple, pairs.t().tolist()))
        assert len(found) == pairs.shape[1] == negatives.count(1)
        assert not found & {(0, 4), (1, 3)}
        assert torch.equal(pairs, negatives.draw(1, epoch))
        seen |= found
    sources = {0, 1} if drawn_from == "window" else set(range(8))
    targets = {0, 1, 2, 3, 4, 5} if drawn_from == "window" else set(range(8))
    every = {(u, v) for u in sources for v in targets if u != v} - {(0, 4), (1, 3)}
    assert seen <= every
    assert len(seen) > 0.8 * len(every)
    room = len(sources) * len(targets) - 2
    assert negatives.count(1) == min(3 * 2, room // 2)


def test_what_is_refused() -> None:
    with pytest.raises(GraphError, match="'negatives': nothing to tell apart"):
        StepNegatives(EDGES, 8, 0)
    with pytest.raises(UnknownNameError, match="drawn_from"):
        StepNegatives(EDGES, 8, 1, "some")
