"""Means over valid frames."""

import torch

from graphkit.nn.signal.pooling import masked_mean


def test_masked_mean():
    x = torch.tensor([[[1.0], [3.0], [float("nan")]], [[float("nan")]] * 3])
    mask = torch.tensor([[True, True, False], [False] * 3])
    assert masked_mean(x, mask).tolist() == [[2.0], [0.0]]
