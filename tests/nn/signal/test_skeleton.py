"""Features of skeletons: places and sizes that they do not depend on, and what padding changes."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.signal.skeleton import SkeletonFeatures, frame_differences

F64 = torch.float64


def test_differences():
    x = torch.tensor([[1.0, 4.0, 9.0, 100.0, 2.0]])[..., None]
    mask = torch.tensor([[True, True, True, False, True]])
    assert frame_differences(x)[0, :, 0].tolist() == [0, 3, 5, 91, -98]
    assert frame_differences(x, mask)[0, :, 0].tolist() == [0, 3, 5, 0, 0]
    assert frame_differences(x, mask, 2)[0, :, 0].tolist() == [0, 0, 8, 0, -7]


def test_features_do_not_know_place_and_size():
    features = SkeletonFeatures(5, 2).double()
    assert features.out_channels == 5 * 2 * 3 + 10
    x = torch.randn(2, 8, 5, 2, dtype=F64)
    mask = torch.arange(8) < torch.tensor([[8], [5]])
    want = features(x, mask)
    assert want.shape == (2, 8, features.out_channels)
    torch.testing.assert_close(features(3 * x + 7, mask), want, rtol=0, atol=1e-9)
    noise = torch.where(mask[..., None, None], x, 1e6)
    torch.testing.assert_close(features(noise, mask), want, rtol=0, atol=1e-12)
    assert not want[1, 5:].any()
    first, second = torch.triu_indices(5, 5, 1)
    size = torch.cdist(x[0], x[0])[:, first, second].mean()
    torch.testing.assert_close(want[0, :, 10], (x[0, :, 0] - x[0, :, 1]).norm(dim=-1) / size)
    with pytest.raises(GraphError, match="no feature is left"):
        SkeletonFeatures(5, 2, coordinates=False, distances=False, velocities=False)
