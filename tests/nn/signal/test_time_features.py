"""Columns of features, one by one."""

import math

import torch

from graphkit.nn.signal import TimeFeatures


def test_columns():
    covariates = torch.tensor([[0.25, 6.0, 3.5], [0.0, 0.0, -1.0]])
    names = ("time_of_day", "day_of_week", "rain")
    layer = TimeFeatures(names)
    out = layer(covariates)
    assert layer.out_channels == out.shape[-1] == 10
    for row, (day, week, rain) in enumerate(covariates.tolist()):
        want = [math.sin(2 * math.pi * day), math.cos(2 * math.pi * day)]
        want += [float(week == d) for d in range(7)] + [rain]
        torch.testing.assert_close(out[row], torch.tensor(want))
    some = TimeFeatures(names, ("rain", "day_of_week", "wind"))
    assert torch.equal(some(covariates), out[:, 2:])
    assert TimeFeatures(()).out_channels == 0
    assert TimeFeatures(names, ())(covariates).shape == (2, 0)
