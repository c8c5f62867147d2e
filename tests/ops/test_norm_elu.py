"""Normalisation and ELU in one against torch's two layers: values, gradients, statistics."""

import pytest
import torch
import torch.nn.functional as F

from graphkit.ops.norm_elu import norm_elu


@pytest.fixture(params=["loops", "tensors"], autouse=True)
def way(request, monkeypatch):
    if request.param == "tensors":
        monkeypatch.setattr("graphkit.ops.norm_elu.op.use_compiled", lambda *_: False)


def numbers(count: int = 50):
    draw = torch.Generator().manual_seed(count)
    x = 3 + 2 * torch.randn(4, count, generator=draw, dtype=torch.float64)
    weight = torch.tensor([1.0, -0.5, 2.0, 0.0], dtype=torch.float64)
    bias = torch.tensor([0.0, 0.3, -1.0, 0.2], dtype=torch.float64)
    return [t.requires_grad_() for t in (x, weight, bias)]


def layers(x, weight, bias, mean, var, training):
    y = F.batch_norm(x.unsqueeze(0), mean, var, weight, bias, training, 0.1, 1e-3)
    return F.elu(y[0])


@pytest.mark.parametrize("training", [True, False])
def test_equals_two_layers(training):
    given = numbers()
    ours = [torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)]
    theirs = [t.clone() for t in ours]
    y = norm_elu(*given, *ours, training, 0.1, 1e-3)
    expected = layers(*given, *theirs, training)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(ours, theirs)
    assert training == bool((ours[0] != 0).all())
    weigh = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view_as(y)
    found = torch.autograd.grad((y * weigh).sum(), given)
    for a, b in zip(found, torch.autograd.grad((expected * weigh).sum(), given)):
        torch.testing.assert_close(a, b)


def test_single_precision_and_views():
    x, weight, bias = (t.detach().float() for t in numbers(400))
    x = torch.stack([x, x], -1)[..., 0].requires_grad_()
    mean, var = torch.zeros(4), torch.ones(4)
    y = norm_elu(x, weight, bias, mean, var, True, 0.1, 1e-3)
    expected = layers(x, weight, bias, mean.clone(), var.clone(), True)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-6)
    (found,) = torch.autograd.grad(y.square().sum(), x)
    (wanted,) = torch.autograd.grad(expected.square().sum(), x)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_gradcheck():
    mean, var = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda *given: norm_elu(*given, mean.clone(), var.clone(), True, 0.1, 1e-3), numbers(7)
    )
