"""Stacks by hand, time gaps by hand, and what does not fit together."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from graphkit.encoders.sequence import (
    GRU,
    BiGRU,
    FeedForward,
    Pointwise,
    PositionCode,
    SequenceStack,
    WithTimeGap,
)
from graphkit.encoders.sequence.position_code import sinusoidal_code
from graphkit.errors import GraphError, UnknownNameError


def test_stack_by_hand() -> None:
    layers = [GRU(4), FeedForward(4, ratio=2, activation="relu")]
    stack, x = SequenceStack(layers, in_channels=3, out_channels=2), torch.randn(2, 5, 3)
    h = stack.project_in(x)
    for norm, layer in zip(stack.norms, layers):
        h = h + layer(h / (h.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight)
    want = stack.project_out(stack.last_norm(h))
    torch.testing.assert_close(stack(x), want)
    bare = SequenceStack([GRU(3, 4), GRU(4, 2)], norm=None, residual=False)
    torch.testing.assert_close(bare(x), bare.layers[1](bare.layers[0](x)))


def test_swiglu_by_hand() -> None:
    layer, x = FeedForward(6, activation="swiglu"), torch.randn(2, 6)
    a, b = (w @ x[0] for w in layer.module.up.weight.chunk(2))
    assert a.numel() == 16
    torch.testing.assert_close(layer.module(x)[0], layer.module.down.weight @ (a * a.sigmoid() * b))


def test_forms_and_causality_are_what_the_layers_share() -> None:
    stack = SequenceStack([Pointwise(nn.Linear(4, 4), 4), GRU(4)])
    assert stack.forms == {"recurrent"}
    assert stack.causal
    mixed = SequenceStack([BiGRU(4), FeedForward(4)])
    assert not mixed.causal
    assert mixed(torch.randn(1, 3, 4)).shape == (1, 3, 4)
    with pytest.raises(GraphError, match="no form in common"):
        SequenceStack([BiGRU(4), GRU(4)])


def test_what_does_not_fit() -> None:
    with pytest.raises(GraphError, match=r"layers\[1\].*expected 4; got 5 to 5"):
        SequenceStack([GRU(4), GRU(5)])
    with pytest.raises(GraphError, match="a residual needs one width"):
        SequenceStack([GRU(4, 5)])
    with pytest.raises(GraphError, match="at least one layer"):
        SequenceStack([])
    with pytest.raises(TypeError, match="wrap what acts on each position"):
        SequenceStack([nn.Linear(4, 4)])
    with pytest.raises(UnknownNameError, match="norm"):
        SequenceStack([GRU(4)], norm="rmss")
    with pytest.raises(UnknownNameError, match="swiglu"):
        FeedForward(4, activation="swigl")


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


def test_code() -> None:
    code = sinusoidal_code(torch.tensor([0, 3]), 4, torch.float64)
    want = [[0, 0, 1, 1], [math.sin(3), math.sin(3e-4), math.cos(3), math.cos(3e-4)]]
    torch.testing.assert_close(code, torch.tensor(want, dtype=torch.float64))
    assert torch.equal(sinusoidal_code(torch.tensor([0, 3]), 3, torch.float64), code[:, :3])
    layer = PositionCode(4)
    mask, x = torch.tensor([[False, True, False, True]]), torch.randn(1, 4, 4)
    stack = SequenceStack([layer], norm="rms")
    assert sum(1 for _ in stack.norms.parameters()) == 0  # neither norm nor residual around it
    want = x[0, [1, 3]] + sinusoidal_code(torch.tensor([0, 1]), 4, x.dtype)
    torch.testing.assert_close(layer(x, mask)[0, [1, 3]], want)
    torch.testing.assert_close(stack(x, mask), stack.last_norm(layer(x, mask)))
