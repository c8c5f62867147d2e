from __future__ import annotations

import math

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.stream import FadingTable


def test_equals_the_sum_over_all_additions():
    half_lives, draw = (2.0, 30.0, math.inf), torch.Generator().manual_seed(0)
    table, added = FadingTable(4, half_lives, 2), []
    for now in (3, 4, 9, 100):
        nodes = torch.randperm(4, generator=draw)[:2]
        delta = torch.rand(2, 3, 2, generator=draw)
        table.write(nodes, table(nodes, torch.tensor(now)) + delta, torch.tensor(now))
        added += [(now, n, d) for n, d in zip(nodes.tolist(), delta)]
    found = table(torch.arange(4), torch.tensor(105))
    for node in range(4):
        for row, half_life in enumerate(half_lives):
            want = sum(
                (d[row] * 2 ** (-(105 - n) / half_life) for n, who, d in added if who == node),
                torch.zeros(2),
            )
            torch.testing.assert_close(found[node, row], want)
    table.reset_state()
    assert not table(torch.arange(4), torch.tensor(200)).any()


def test_half_lives_are_checked():
    with pytest.raises(GraphError, match="> 0; got 0"):
        FadingTable(3, (1.0, 0), 1)
