"""Readings one by one against windows of them."""

import pytest
import torch

from graphkit import GraphError
from graphkit.models.signal import LastValue, SignalGRU
from graphkit.nn.signal import Rolling

NAMES = ("time_of_day", "day_of_week")


def told(t, ahead=3):
    step = torch.arange(t, t + 1 + ahead)
    return torch.stack([step % 24 / 24, (step // 24 % 7).float()], dim=-1)


def readings(steps=9):
    x = torch.randn(steps, 4, 2)
    mask = torch.rand(steps, 4, 2) < 0.7
    return x.masked_fill(~mask, 0), mask


def test_a_model_that_steps_knows_everything_so_far():
    model = SignalGRU(2, 5, 3, covariate_names=NAMES).eval()
    x, mask = readings()
    live = Rolling(model, in_steps=4)
    for t in range(9):
        out = live.push(x[t], told(t), mask[t])
        if t < 3:
            assert out is None
            continue
        times = torch.stack([told(s)[0] for s in range(t + 1)]).unsqueeze(0)
        torch.testing.assert_close(out, model(x[None, : t + 1], times)[0].detach())
    live.reset()
    assert live.push(x[0], told(0)) is None


@pytest.mark.parametrize("kind", ["last_value", "gru"])
def test_any_other_model_gets_its_window(kind):
    gru = SignalGRU(2, 5, 3, covariate_names=NAMES).eval()
    model = LastValue(3) if kind == "last_value" else gru
    x, mask = readings()
    live = Rolling(model, in_steps=4, step=False)
    for t in range(9):
        out = live.push(x[t], told(t), mask[t])
        if t < 3:
            assert out is None
            continue
        window = slice(t - 3, t + 1)
        times = torch.stack([told(s)[0] for s in range(t - 3, t + 1)] + list(told(t)[1:]))
        want = model(x[None, window], times[None], mask[None, window])[0].detach()
        torch.testing.assert_close(out, want)
    assert len(live._rows) == 4


def test_one_reading_is_enough_for_a_window_of_one():
    live = Rolling(LastValue(2), in_steps=1)
    x = torch.randn(3, 4, 1)
    for t in range(3):
        assert torch.equal(live.push(x[t]), x[t].expand(2, 4, 1))
    with pytest.raises(GraphError, match="in_steps"):
        Rolling(LastValue(2), in_steps=0)
