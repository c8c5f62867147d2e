"""Blocks of attention and perceptron: the layers, their order and what is in the state dict."""

import pytest
import torch
from torch import nn

from graphkit.encoders.sequence import BlockStack, CausalConv, FeedForward, SequenceStack
from graphkit.encoders.sequence.rnn import GRU
from graphkit.errors import GraphError


def make(*sizes, **options):
    return BlockStack(*sizes, join=GRU, perceptron=lambda hidden: FeedForward(hidden, 3), **options)


@pytest.mark.parametrize("first", [False, True])
def test_it_is_the_stack_of_its_layers(first):
    """Written out: the same layers in the same order, drawn in the same order."""
    torch.manual_seed(0)
    made = make(4, 5, 6, 2, first=(lambda hidden: CausalConv(hidden, 3)) if first else None)
    torch.manual_seed(0)
    layers = [CausalConv(6, 3)] if first else []
    for _ in range(2):
        layers.append(GRU(6))
        layers.append(FeedForward(6, 3))
    want = SequenceStack(layers, in_channels=4, out_channels=5)
    assert list(made.state_dict()) == list(want.state_dict())
    x = torch.randn(2, 7, 4)
    assert torch.equal(made(x), want(x))
    assert (made.num_layers, made.hidden_channels, made.width) == (2, 6, 18)


def test_sizes_that_are_left_out_are_that_of_the_input():
    made = make(4, None, None, 1)
    assert (made.in_channels, made.hidden_channels, made.out_channels) == (4, 4, 4)
    assert isinstance(made.project_in, nn.Identity)
    assert isinstance(make(4, None, None, 1, norm="layer").last_norm, nn.LayerNorm)


@pytest.mark.parametrize(
    ("sizes", "name"),
    [
        ((0, 5, 6, 2), "in_channels"),
        ((4, 5, -1, 2), "hidden_channels"),
        ((4, 5, 6, 0), "num_layers"),
    ],
)
def test_sizes_are_checked(sizes, name):
    with pytest.raises(GraphError, match=name):
        make(*sizes)
