"""The squared distance between cumulative distributions."""

import pytest
import torch

from graphkit.nn.losses.earth_mover import earth_mover_loss


def test_earth_mover_is_zero_at_the_truth_and_grows_with_distance():
    y = torch.tensor([0])
    losses = [float(earth_mover_loss(100.0 * torch.eye(5)[k : k + 1], y)) for k in range(5)]
    assert losses == pytest.approx([0, 1, 2, 3, 4], abs=1e-5)
