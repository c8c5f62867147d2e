"""Dropout with cheap masks, and its gradient."""

import pytest
import torch

from graphkit.nn.dropout.fast import fast_dropout, relu_dropout


def test_fast_dropout():
    x = torch.ones(100, 100, requires_grad=True)
    assert fast_dropout(x, 0) is x
    out = fast_dropout(x, 0.25)
    assert sorted(out.unique().tolist()) == pytest.approx([0, 4 / 3], rel=1e-4)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())
    assert not bool(fast_dropout(torch.ones(9), 1.0).any())


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_relu_dropout(p):
    """What the two say one after the other, and its gradient."""
    x = torch.randn(40, 30, requires_grad=True)
    out = relu_dropout(x, p, torch.Generator().manual_seed(4))
    g = torch.randn(40, 30)
    (found,) = torch.autograd.grad((out * g).sum(), x)
    apart = fast_dropout(x.relu(), p, torch.Generator().manual_seed(4))
    (expected,) = torch.autograd.grad((apart * g).sum(), x)
    torch.testing.assert_close(out, apart)
    torch.testing.assert_close(found, expected)
