"""Stacks: the models of a stack side by side; terms of their own losses kept apart."""

import pytest
import torch
from torch import nn

from graphkit.errors import GraphError
from graphkit.nn.dropout import SeededDropout
from graphkit.nn.stacking import Stack


class Small(nn.Module):
    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2))
        self.dropout = SeededDropout(p)

    def forward(self, x):
        return self.dropout(x) @ self.weight


class Leaning(Small):
    """Its loss has a term: the mean size of its last outputs."""

    def forward(self, x):
        out = super().forward(x)
        self.size = out.square().mean((-2, -1))
        return out

    def auxiliary_loss(self):
        return self.size


class Mixing(Leaning):
    def auxiliary_loss(self):
        return self.size.mean()


def test_rows_of_a_stack_are_its_models():
    models, x = [Small() for _ in range(3)], torch.randn(3, 5, 3)
    stack = Stack(models, [0, 1, 2])
    want = torch.stack([model(row) for model, row in zip(models, x)])
    torch.testing.assert_close(stack(x), want)
    stack.keep([2, 0])
    torch.testing.assert_close(stack(x[[2, 0]]), want[[2, 0]])
    assert torch.equal(stack.state_of(1)["weight"], models[0].weight)


def test_an_auxiliary_loss_for_each_model():
    models, x = [Leaning() for _ in range(3)], torch.randn(3, 5, 3)
    stack = Stack(models, [0, 1, 2])
    stack(x)
    want = [model(row).square().mean() for model, row in zip(models, x)]
    torch.testing.assert_close(stack.auxiliary_loss(), torch.stack(want))
    stack.keep([1])
    stack(x[1:2])
    torch.testing.assert_close(stack.auxiliary_loss(), want[1].unsqueeze(0))
    assert not hasattr(Stack([Small()], [0]), "auxiliary_loss")
    mixed = Stack([Mixing(), Mixing()], [0, 1])
    mixed(x[:2])
    with pytest.raises(GraphError, match=r"one number for each of the 2 models.*got shape \[\]"):
        mixed.auxiliary_loss()
