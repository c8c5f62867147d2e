"""Normalisation over valid frames only."""

import torch

from graphkit.nn.norm.frame_norm import FrameNorm
from graphkit.nn.signal.residual_cnn import ResidualCNN

F64 = torch.float64


def test_rows_have_an_epsilon_of_their_own():
    x = torch.full((1, 2, 3), 7.0)
    x[0, 0, 0] += 1e-2
    centred = x - x.mean()
    for eps in (1e-5, 1e-1):
        want = centred / (centred.square().mean() + eps).sqrt()
        torch.testing.assert_close(FrameNorm(2, "row", eps=eps)(x), want)
    assert ResidualCNN(3, (4,), 2, (1,), norm="row").last_norm.eps == 1e-5


def test_batch_norm_learns_from_valid_frames_only():
    norm = FrameNorm(3, "batch").double()
    x = torch.randn(2, 3, 7, dtype=F64)
    mask = torch.rand(2, 7, generator=torch.Generator().manual_seed(0)) < 0.6
    other = torch.where(mask[:, None], x, 1e6)
    valid = x.transpose(1, 2)[mask]
    want = (valid - valid.mean(0)) / (valid.var(0, unbiased=False) + 1e-5).sqrt()
    got = norm(other, mask)
    torch.testing.assert_close(got.transpose(1, 2)[mask], want)
    assert not got.transpose(1, 2)[~mask].any()
    torch.testing.assert_close(norm.batch.running_mean, 0.1 * valid.mean(0))
