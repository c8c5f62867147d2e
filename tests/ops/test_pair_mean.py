"""Means of pairs against torch's average pooling: values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from graphkit.ops.pair_mean import op as module
from graphkit.ops.pair_mean import pair_mean


@pytest.fixture(params=["loops", "tensors"])
def path(request, monkeypatch):
    if request.param == "tensors":
        monkeypatch.setattr(module, "use_compiled", lambda *_: False)


@pytest.mark.parametrize("steps", [2, 7, 124])
def test_equals_average_pooling(path, steps):
    x = torch.randn(3, 4, steps, dtype=torch.float64, requires_grad=True)
    y, expected = pair_mean(x), F.avg_pool1d(x, 2)
    torch.testing.assert_close(y, expected)
    weight = torch.randn_like(y)
    ours, theirs = (torch.autograd.grad((v * weight).sum(), x)[0] for v in (y, expected))
    torch.testing.assert_close(ours, theirs)


def test_of_slices_and_of_nothing(path):
    x = torch.randn(4, 6, 3).transpose(1, 2)
    torch.testing.assert_close(pair_mean(x), F.avg_pool1d(x.contiguous(), 2))
    assert pair_mean(torch.randn(0, 5)).shape == (0, 2)
    assert pair_mean(torch.randn(2, 1)).shape == (2, 0)
