"""The GRU against its equations, node by node."""

import math

import torch

from graphkit.models.signal import SignalGRU


def test_against_the_equations():
    torch.manual_seed(1)
    model = SignalGRU(
        2, 4, 3, target_channels=[1], covariate_names=("day_of_week", "time_of_day")
    ).double()
    x = torch.randn(2, 5, 3, 2, dtype=torch.float64)
    covariates = torch.rand(2, 8, 2, dtype=torch.float64)
    out = model(x, covariates)
    p = dict(model.gru.named_parameters())
    for b in range(2):
        for n in range(3):
            h = torch.zeros(4, dtype=torch.float64)
            for t in range(5):
                angle = 2 * math.pi * covariates[b, t, 1]
                u = torch.cat([x[b, t, n], torch.stack([angle.sin(), angle.cos()])])
                i = p["weight_ih_l0"] @ u + p["bias_ih_l0"]
                g = p["weight_hh_l0"] @ h + p["bias_hh_l0"]
                reset = torch.sigmoid(i[:4] + g[:4])
                update = torch.sigmoid(i[4:8] + g[4:8])
                new = torch.tanh(i[8:] + reset * g[8:])
                h = (1 - update) * new + update * h
            want = model.head.weight @ h + model.head.bias + x[b, -1, n, 1]
            torch.testing.assert_close(out[b, :, n, 0], want)
