"""Masks: the right share, every bit used, reproducible."""

import pytest
import torch

from graphkit.ops.random_mask import keep_scale, random_mask


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_share(p):
    mask = random_mask((400, 501), p, generator=torch.Generator().manual_seed(1))
    assert mask.shape == (400, 501)
    assert mask.dtype == torch.bool
    assert float(mask.double().mean()) == pytest.approx(1 - p, abs=0.006)
    for lane in range(4):  # four entries come from one draw: each share must be right
        assert float(mask.flatten()[lane::4].double().mean()) == pytest.approx(1 - p, abs=0.01)
    if p < 1:
        assert keep_scale(p) == pytest.approx(1 / (1 - p), rel=1e-4)


def test_neighbours_are_independent():
    mask = random_mask((200_000,), 0.5).double() - 0.5
    for shift in (1, 2, 3, 4):
        assert abs(float((mask[shift:] * mask[:-shift]).mean())) < 0.003


def test_reproducible_and_like_the_global_generator():
    torch.manual_seed(5)
    first = random_mask((33,), 0.4)
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(first, random_mask((33,), 0.4, generator=generator))
    assert not torch.equal(first, random_mask((33,), 0.4, generator=generator))
    assert random_mask((0, 3), 0.4).shape == (0, 3)
    assert keep_scale(1.0) == 0
