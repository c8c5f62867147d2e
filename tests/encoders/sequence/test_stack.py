"""Stacks by hand, and what does not fit together."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graphkit.encoders.sequence import (
    GRU,
    BiGRU,
    FeedForward,
    Pointwise,
    SequenceStack,
)
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


def test_geglu_by_hand() -> None:
    layer, x = FeedForward(6, 2, "geglu", full_width=True), torch.randn(2, 6)
    a, b = (w @ x[0] for w in layer.module.up.weight.chunk(2))
    assert a.numel() == layer.width == 12
    want = layer.module.down.weight @ (a * 0.5 * (1 + torch.erf(a / 2**0.5)) * b)
    torch.testing.assert_close(layer.module(x)[0], want)
    assert FeedForward(6, 2, "geglu").width == 8
    assert FeedForward(6, 2, "gelu", full_width=True).width == 12


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
