"""Means of pairs against torch's average pooling: values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from graphkit.ops.pair_mean import pair_mean


@pytest.mark.parametrize("steps", [2, 7, 124])
def test_equals_average_pooling(steps):
    x = torch.randn(3, 4, steps, dtype=torch.float64, requires_grad=True)
    y, expected = pair_mean(x), F.avg_pool1d(x, 2)
    torch.testing.assert_close(y, expected)
    weight = torch.randn_like(y)
    ours, theirs = (torch.autograd.grad((v * weight).sum(), x)[0] for v in (y, expected))
    torch.testing.assert_close(ours, theirs)
