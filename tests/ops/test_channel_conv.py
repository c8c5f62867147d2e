"""Convolution per channel against torch's grouped one: values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from graphkit.ops.channel_conv import channel_conv, shared_conv


@pytest.fixture(params=["loops", "tensors"], autouse=True)
def way(request, monkeypatch):
    if request.param == "tensors":
        monkeypatch.setattr("graphkit.ops.channel_conv.op.use_compiled", lambda *_: False)
    return request.param


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 8, 9, 64])
def test_equals_grouped_convolution(size, same):
    x = torch.randn(2, 3, 4, 70, dtype=torch.float64, requires_grad=True)
    w = torch.randn(2, 3, size, dtype=torch.float64, requires_grad=True)
    y = channel_conv(x, w, same=same)
    flat = x.permute(2, 0, 1, 3).flatten(1, 2)
    if same:
        flat = F.pad(flat, ((size - 1) // 2, size // 2))
    expected = F.conv1d(flat, w.view(6, 1, size), groups=6).unflatten(1, (2, 3))
    expected = expected.permute(1, 2, 0, 3)
    torch.testing.assert_close(y, expected)
    weight = torch.randn_like(expected)
    ours = torch.autograd.grad((y * weight).sum(), (x, w))
    theirs = torch.autograd.grad((expected * weight).sum(), (x, w))
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_signals_shorter_than_the_filter(steps):
    x = torch.randn(3, 2, steps, dtype=torch.float64, requires_grad=True)
    w = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    y = channel_conv(x, w, same=True)
    expected = F.conv1d(F.pad(x, (2, 2)).transpose(0, 1), w.unsqueeze(1), groups=3).transpose(0, 1)
    torch.testing.assert_close(y, expected)
    for a, b in zip(
        torch.autograd.grad(y.square().sum(), (x, w)),
        torch.autograd.grad(expected.square().sum(), (x, w)),
    ):
        torch.testing.assert_close(a, b)


def test_views_and_broken_readings():
    x, w = torch.randn(4, 3, 40, 2)[..., 0], torch.randn(5, 4).mT
    expected = channel_conv(x.contiguous(), w.contiguous(), same=True)
    torch.testing.assert_close(channel_conv(x, w, same=True), expected)
    x[1, 2, 20] = torch.nan
    broken = channel_conv(x, w, same=True).isnan()
    assert broken.nonzero().tolist() == [[1, 2, t] for t in range(18, 23)]


@pytest.mark.parametrize("size", [1, 5, 64])
def test_shared_filters(size):
    x, w = torch.randn(6, 70, dtype=torch.float64), torch.randn(3, size, dtype=torch.float64)
    padded = F.pad(x, ((size - 1) // 2, size // 2)).unsqueeze(1)
    torch.testing.assert_close(shared_conv(x, w), F.conv1d(padded, w.unsqueeze(1)).transpose(0, 1))
