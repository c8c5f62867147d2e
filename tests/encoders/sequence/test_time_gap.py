"""Time gaps by hand: what an encoder is shown, and how they go on from piece to piece."""

from __future__ import annotations

import math

import pytest
import torch

from graphkit.encoders.sequence import GRU, WithTimeGap
from graphkit.encoders.sequence.position_code import sinusoidal_code
from graphkit.errors import GraphError


def test_gap_and_code_are_appended() -> None:
    seen = []

    class Spy(GRU):
        def _recurrent(self, x, mask, time, state):
            seen.append(x)
            return super()._recurrent(x, mask, time, state)

    encoder = WithTimeGap(Spy(2 + 1 + 4, 3), code_channels=4, scale=2.0)
    assert encoder.in_channels == 2
    x, time = torch.randn(1, 3, 2), torch.tensor([[10, 13, 20]])
    mask = torch.tensor([[True, False, True]])
    encoder(x, mask, time)
    got = seen[0][0, [0, 2]]
    assert torch.equal(got[:, :2], x[0, [0, 2]])
    torch.testing.assert_close(got[:, 2], torch.tensor([0.0, math.log1p(10 / 2)]))
    torch.testing.assert_close(got[:, 3:], sinusoidal_code(torch.tensor([0, 1]), 4, x.dtype))
    with pytest.raises(GraphError, match="needs the times"):
        encoder(x)
    with pytest.raises(GraphError, match="no room"):
        WithTimeGap(GRU(5, 3), code_channels=4)
    with pytest.raises(GraphError, match="pairs of sine"):
        WithTimeGap(GRU(9, 3), code_channels=3)
    with pytest.raises(GraphError, match="a positive number"):
        WithTimeGap(GRU(9, 3), scale=0)


def test_the_gap_across_a_cut_is_to_the_last_valid_position() -> None:
    torch.manual_seed(0)
    encoder = WithTimeGap(GRU(3, 4)).double()
    x, time = torch.randn(1, 4, 2, dtype=torch.float64), torch.tensor([[1, 5, 6, 30]])
    mask = torch.tensor([[True, False, True, True]])
    _, state = encoder(x[:, :2], mask[:, :2], time[:, :2], return_state=True)
    assert state.time.tolist() == [1]  # the invalid position has no time
    y = encoder(x[:, 2:], mask[:, 2:], time[:, 2:], state)
    gap = torch.tensor([0, 5, 24], dtype=torch.float64).log1p()
    want = encoder.encoder(torch.cat([x[:, [0, 2, 3]], gap[None, :, None]], -1))
    torch.testing.assert_close(y, want[:, 1:])


def test_only_gaps_matter() -> None:
    encoder, x = WithTimeGap(GRU(3, 4)), torch.randn(2, 5, 2)
    time = torch.randint(100, (2, 5)).cumsum(1)
    torch.testing.assert_close(encoder(x, None, time), encoder(x, None, time + 10**9))
