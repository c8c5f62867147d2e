from __future__ import annotations

import torch

from graphkit.nn.stream import PairHead


def test_logits_are_those_of_the_concatenation() -> None:
    head = PairHead(4, 5, pair_channels=3)
    src, dst, pair = torch.randn(6, 1, 4), torch.randn(6, 7, 4), torch.randn(6, 7, 3)
    every = torch.cat([src.expand(-1, 7, -1), dst, pair], dim=-1)
    expected = head.lin_out(head.lin_hidden(every).relu()).squeeze(-1)
    torch.testing.assert_close(head(src, dst, pair), expected)
    before = [p.clone() for p in head.parameters()]
    head.reset_parameters()
    assert all(not torch.equal(a, b) for a, b in zip(before, head.parameters()))


def test_without_features_of_pairs() -> None:
    head = PairHead(4, 5)
    src, dst = torch.randn(6, 4), torch.randn(6, 4)
    expected = head.lin_out(head.lin_hidden(torch.cat([src, dst], dim=-1)).relu()).squeeze(-1)
    torch.testing.assert_close(head(src, dst), expected)
