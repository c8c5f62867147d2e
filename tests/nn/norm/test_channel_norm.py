"""Channels first: torch's BatchNorm on the transposed signals, for one model and for several."""

import pytest
import torch
from torch import nn

from graphkit.nn.norm.channel_norm import ChannelNorm


@pytest.mark.parametrize("elu", [False, True])
def test_equals_batch_norm(elu):
    ours, theirs = ChannelNorm(3, momentum=0.2, elu=elu), nn.BatchNorm1d(3, 1e-3, 0.2)
    act = nn.ELU() if elu else nn.Identity()
    for _ in range(3):
        x = torch.randn(3, 5, 7) * 2 + 1
        torch.testing.assert_close(
            ours(x), act(theirs(x.transpose(0, 1))).transpose(0, 1), rtol=1e-4, atol=1e-5
        )
    ours.load_state_dict(ours.state_dict())
    assert set(ours.state_dict()) == set(theirs.state_dict()) - {"num_batches_tracked"}
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    ours.eval(), theirs.eval()
    torch.testing.assert_close(
        ours(x), act(theirs(x.transpose(0, 1))).transpose(0, 1), rtol=1e-4, atol=1e-5
    )
    ours.reset_parameters()
    assert ours.running_mean.tolist() == [0, 0, 0]


@pytest.mark.parametrize("elu", [False, True])
def test_a_set_of_statistics_for_each_model(elu):
    models = [ChannelNorm(3, elu=elu) for _ in range(2)]
    both = ChannelNorm(3, elu=elu)
    both.weight = nn.Parameter(torch.rand(2, 3))
    both.bias = nn.Parameter(torch.rand(2, 3))
    both.running_mean, both.running_var = torch.zeros(2, 3), torch.ones(2, 3)
    for row, model in enumerate(models):
        model.weight.data, model.bias.data = both.weight.data[row], both.bias.data[row]
    x = torch.randn(2, 3, 4, 6)
    found = both(x)
    for row, model in enumerate(models):
        torch.testing.assert_close(found[row], model(x[row]))
        torch.testing.assert_close(both.running_mean[row], model.running_mean)


@pytest.mark.parametrize("elu", [False, True])
@pytest.mark.parametrize("unbiased", [False, True])
def test_which_variance_is_followed(unbiased, elu):
    norm = ChannelNorm(2, momentum=0.25, unbiased=unbiased, elu=elu).double()
    mean, var = [0.0, 0.0], [1.0, 1.0]
    for seed in range(3):
        draw = torch.Generator().manual_seed(seed)
        x = torch.randn(2, 3, 4, generator=draw, dtype=torch.float64) * 3 + 1
        y = norm(x)
        for c in range(2):
            numbers = x[c].flatten().tolist()
            centre = sum(numbers) / 12
            squares = sum((v - centre) ** 2 for v in numbers)
            mean[c] = 0.75 * mean[c] + 0.25 * centre
            var[c] = 0.75 * var[c] + 0.25 * squares / (11 if unbiased else 12)
            want = (x[c] - centre) / (squares / 12 + 1e-3) ** 0.5  # always the biased one
            want = nn.functional.elu(want) if elu else want
            torch.testing.assert_close(y[c], want, rtol=0, atol=1e-12)
    assert norm.running_mean.tolist() == pytest.approx(mean, rel=1e-12)
    assert norm.running_var.tolist() == pytest.approx(var, rel=1e-12)
    before = norm.running_var.clone()
    norm.eval()(x)
    assert torch.equal(norm.running_var, before)
    assert ("unbiased=False" in repr(norm)) != unbiased


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("elu", [False, True])
@pytest.mark.parametrize("unbiased", [False, True])
def test_gradients_on_every_path(unbiased, elu, compiled, mixed, monkeypatch):
    """With loops and without, in float32 and from bfloat16, which a norm is not computed in."""
    from graphkit.ops.norm_elu import op as file

    if not compiled:
        monkeypatch.setattr(file, "use_compiled", lambda *tensors: False)
    norm = ChannelNorm(2, unbiased=unbiased, elu=elu)
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    x = (x.bfloat16() if mixed else x).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        y = norm(x)
    (y.float() * torch.arange(24.0).view(2, 3, 4)).sum().backward()
    wide = x.detach().double().requires_grad_()
    scale = (wide.var((1, 2), correction=0, keepdim=True) + norm.eps).sqrt()
    want = (wide - wide.mean((1, 2), keepdim=True)) / scale
    want = nn.functional.elu(want) if elu else want
    (want * torch.arange(24.0).view(2, 3, 4)).sum().backward()
    tolerance = {"rtol": 3e-2, "atol": 0.3} if mixed else {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(y.double(), want, rtol=2e-2 if mixed else 1e-5, atol=1e-2)
    torch.testing.assert_close(x.grad.double(), wide.grad, **tolerance)
    assert y.dtype == x.dtype
