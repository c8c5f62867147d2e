"""Reversible instance normalisation: what goes out comes back."""

import pytest
import torch

from graphkit.errors import GraphError, UnknownNameError
from graphkit.nn.norm.reversible_norm import ReversibleInstanceNorm


def make(statistics, channels=2, affine=True):
    norm = ReversibleInstanceNorm(channels, statistics, num_nodes=5, affine=affine)
    if affine:
        with torch.no_grad():
            norm.gamma.copy_(torch.tensor([1.7, -0.4])[:channels])
            norm.beta.copy_(torch.tensor([0.3, -2.0])[:channels])
    return norm


@pytest.mark.parametrize("statistics", ["window", "last", "node", "none"])
@pytest.mark.parametrize("train", [True, False])
def test_inverse(statistics, train):
    norm = make(statistics).double().train(train)
    x = 50 + 9 * torch.randn(3, 7, 5, 2).double()
    out, level = norm(x)
    torch.testing.assert_close(norm.inverse(out, level), x, rtol=1e-6, atol=1e-6)


def test_the_paper_s_statistics():
    norm = make("window")
    x = torch.randn(3, 7, 5, 2) * 4 + 2
    out, _ = norm(x)
    for b in range(3):
        for n in range(5):
            for c in range(2):
                w = x[b, :, n, c]
                z = (w - w.mean()) / (w.var(correction=0) + 1e-5).sqrt()
                expected = z * norm.gamma[c] + norm.beta[c]
                torch.testing.assert_close(out[b, :, n, c], expected, rtol=1e-4, atol=1e-4)


def test_last_reading_is_zero():
    out, level = make("last", affine=False)(torch.randn(3, 7, 5, 2))
    assert bool((out[:, -1] == 0).all())
    assert level.shift.shape == (3, 1, 5, 2)


def test_missing_readings_do_not_count():
    norm = make("window")
    x = torch.randn(2, 6, 5, 2)
    mask = torch.rand(x.shape) < 0.6
    mask[:, 0] = True
    other = torch.where(mask, x, 1e4)
    a, b = norm.level(x, mask), norm.level(other, mask)
    torch.testing.assert_close(a.shift, b.shift)
    torch.testing.assert_close(a.scale, b.scale)
    expected = x[0, :, 2, 1][mask[0, :, 2, 1]]
    torch.testing.assert_close(a.shift[0, 0, 2, 1], expected.mean())
    nothing = norm.level(x, torch.zeros_like(mask))
    assert bool(nothing.scale.isfinite().all())


@pytest.mark.parametrize("statistics", ["window", "last"])
def test_constant_windows_are_finite(statistics):
    norm = make(statistics)
    x = torch.full((2, 6, 5, 2), 3.0, requires_grad=True)
    out, level = norm(x)
    back = norm.inverse(out + 1, level)
    back.sum().backward()
    assert bool(back.isfinite().all())
    assert bool(x.grad.isfinite().all())


@pytest.mark.parametrize("statistics", ["window", "last"])
def test_equivariance(statistics):
    """Shifting and scaling one node leaves what is normalised alone, and moves its forecast."""
    norm = ReversibleInstanceNorm(1, statistics, eps=0.0).double()
    x = torch.randn(2, 6, 5, 1).double()
    moved = x.clone()
    moved[:, :, 3] = 2.5 * x[:, :, 3] + 7
    (a, level_a), (b, level_b) = norm(x), norm(moved)
    torch.testing.assert_close(a, b)
    y = torch.randn(2, 4, 5, 1).double()
    expected = norm.inverse(y, level_a)
    expected[:, :, 3] = 2.5 * expected[:, :, 3] + 7
    torch.testing.assert_close(norm.inverse(y, level_b), expected)


def test_statistics_of_nodes():
    norm = make("node", affine=False)
    x = torch.randn(2, 6, 5, 2) + 5
    norm.train()(x)
    torch.testing.assert_close(norm.running_mean[0, 0], 0.1 * x.mean((0, 1)))
    before = norm.running_mean.clone()
    norm.eval()(x)
    assert torch.equal(norm.running_mean, before)
    norm.set_statistics(torch.full((5, 2), 3.0), torch.full((5, 2), 2.0))
    out, _ = norm.train()(x)
    torch.testing.assert_close(out, (x - 3) / (4 + 1e-5) ** 0.5)
    assert bool((norm.running_mean == 3).all())  # fixed, even in training
    other = make("node", affine=False)
    other.load_state_dict(norm.state_dict())
    other.train()(x)
    assert torch.equal(other.running_mean, norm.running_mean)


def test_errors():
    with pytest.raises(UnknownNameError, match="window"):
        ReversibleInstanceNorm(1, "windows")
    with pytest.raises(GraphError, match="num_nodes"):
        ReversibleInstanceNorm(1, "node")
    with pytest.raises(GraphError, match="can be set"):
        ReversibleInstanceNorm(1, "window").set_statistics(torch.zeros(1), torch.ones(1))
