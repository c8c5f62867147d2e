"""Nodes that a source has no edge to: all of them are drawn, equally often, and no other."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.ops.absent_targets import absent_targets


def test_every_node_that_is_left_is_drawn_equally_often():
    src = torch.tensor([2, 0, 2, 1, 2])
    dst = torch.tensor([5, 0, 0, 6, 4])
    k = 20_000
    drawn = absent_targets(src, dst, 7, k, 3, 1)
    assert drawn.shape == (5, k)
    for u, row in zip(src.tolist(), drawn):
        left = sorted(set(range(7)) - set(dst[src == u].tolist()))
        counts = row.bincount(minlength=7)
        assert counts.nonzero().squeeze(1).tolist() == left
        assert (counts[left] / k - 1 / len(left)).abs().max() < 0.02
    assert torch.equal(drawn, absent_targets(src, dst, 7, k, 3, 1))
    assert not torch.equal(drawn, absent_targets(src, dst, 7, k, 3, 2))


def test_a_source_with_an_edge_to_every_node():
    with pytest.raises(GraphError, match="node 1"):
        absent_targets(torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1]), 2, 3)
