"""The convolutions as an encoder: whole rows as they are, holes closed, what a frame sees."""

from __future__ import annotations

import pytest
import torch

from graphkit.encoders.sequence import SkeletonCNN
from graphkit.errors import UnknownNameError


@pytest.fixture
def encoder() -> SkeletonCNN:
    torch.manual_seed(0)
    return SkeletonCNN(3, 2, (4, 6), kernel_size=3).double().eval()


def test_a_frame_for_a_frame(encoder: SkeletonCNN) -> None:
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    features, mask = encoder.cnn(x)
    assert mask is None
    assert features.shape == (2, 9, 6)  # no stage strides
    torch.testing.assert_close(
        encoder(x), features @ encoder.lin_out.weight.T + encoder.lin_out.bias
    )


def test_holes_close_up(encoder: SkeletonCNN) -> None:
    x = torch.randn(1, 8, 3, dtype=torch.float64)
    mask = torch.tensor([[False, True, True, False, True, False, True, True]])
    torch.testing.assert_close(encoder(x, mask)[:, mask[0]], encoder(x[:, mask[0]]))


def test_what_a_frame_sees() -> None:
    """Batch norm in evaluation does not join frames: a change reaches as far as the kernels."""
    torch.manual_seed(0)
    encoder = SkeletonCNN(3, 2, (4, 4), kernel_size=3, norm="batch").double().eval()
    x = torch.randn(1, 31, 3, dtype=torch.float64)
    moved = x.clone()
    moved[:, 15] += 1
    reached = (encoder(moved) - encoder(x)).abs().sum(-1)[0].nonzero().flatten()
    assert reached.min() >= 15 - 7  # a stem and two stages of three, one frame to each side
    assert reached.max() <= 15 + 7
    assert len(reached) > 7


def test_refusal() -> None:
    with pytest.raises(UnknownNameError, match="norm"):
        SkeletonCNN(3, norm="rows")
