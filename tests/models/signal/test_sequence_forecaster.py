"""Encoders over readings: against the encoder itself, by steps, and every registered one."""

import pytest
import torch

from graphkit.encoders.sequence import list_sequence_encoders, make_sequence_encoder
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.signal import SequenceForecaster


def made(encoder="gru", **settings):
    torch.manual_seed(0)
    return SequenceForecaster(
        2, 16, 3, encoder=encoder, target_channels=[1], time_features=(), **settings
    ).eval()


def test_against_the_encoder_node_by_node():
    model = made(residual=False).double()
    x = torch.randn(2, 7, 4, 2, dtype=torch.float64)
    out = model(x)
    for b in range(2):
        for n in range(4):
            h = model.encoder(model.lin_in(x[b, :, n]).unsqueeze(0))[0, -1]
            torch.testing.assert_close(out[b, :, n, 0], model.head(h))


@pytest.mark.parametrize("name", list_sequence_encoders())
def test_every_encoder_forecasts(name):
    settings = {"length": 6} if name == "mixer" else None
    model, x = made(name, encoder_settings=settings), torch.randn(2, 6, 3, 2)
    out = model(x)
    assert out.shape == (2, 3, 3, 1)
    moved = x.clone()
    moved[:, :, 0] += 1
    torch.testing.assert_close(model(moved)[:, :, 1:], out[:, :, 1:])  # others do not matter
    model.train()
    model(x).sum().backward()
    assert model.lin_in.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["gru", "gla", "aaren", "paragru", "transformer"])
def test_steps_equal_the_window(name):
    model, x = made(name).double(), torch.randn(2, 6, 3, 2, dtype=torch.float64)
    state = None
    for t in range(6):
        out, state = model.step(x[:, t], state)
    torch.testing.assert_close(out, model(x))


def test_time_of_day_is_read():
    torch.manual_seed(0)
    model = SequenceForecaster(1, 8, 2, covariate_names=("time_of_day",))
    x, early, late = torch.randn(2, 5, 3, 1), torch.zeros(2, 7, 1), torch.full((2, 7, 1), 0.5)
    assert (model(x, early) - model(x, late)).abs().max() > 1e-4


def test_refusals():
    with pytest.raises(UnknownNameError, match="gru"):
        made("gruu")
    with pytest.raises(TypeError, match="made already"):
        made(make_sequence_encoder("gru", in_channels=16), encoder_settings={"num_layers": 2})
    with pytest.raises(GraphError, match="step"):
        made("bigru").step(torch.randn(1, 3, 2))
