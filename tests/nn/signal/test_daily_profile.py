"""Daily profiles against dictionaries of means."""

import pytest
import torch

from graphkit.errors import GraphError
from graphkit.nn.signal import DailyProfile, TrainingSignal

NAMES = ("time_of_day", "day_of_week")


def covariates(step):
    return torch.stack([(step % 4) / 4, (step // 4 % 7).float()], dim=-1)


def test_means_of_each_time_and_kind_of_day():
    step = torch.arange(4 * 9)  # Monday to the Tuesday after
    x = torch.randn(36, 3, 2)
    mask = torch.rand(x.shape) < 0.7
    seen = TrainingSignal(x.masked_fill(~mask, 0), mask, covariates(step), step[:1])
    profile = DailyProfile(3, 2, NAMES, 4)
    profile.fit(seen)
    found = profile(covariates(step).unsqueeze(0))[0]
    assert found.shape == (36, 3, 2)

    def mean(n, c, times):
        values = [float(x[t, n, c]) for t in times if mask[t, n, c]]
        return sum(values) / len(values) if values else None

    for t in range(36):
        slot = [s for s in range(36) if s % 4 == t % 4]
        alike = [s for s in slot if (s // 4 % 7 > 4) == (t // 4 % 7 > 4)]
        for n in range(3):
            for c in range(2):
                expected = mean(n, c, alike)
                expected = mean(n, c, slot) if expected is None else expected
                assert float(found[t, n, c]) == pytest.approx(expected, abs=1e-5)


def test_earlier_days_count_less():
    step = torch.arange(4 * 9)[torch.arange(36) % 4 > 0]  # the nights are not recorded
    day = step // 4
    x = torch.randn(len(step), 1, 1)
    profile = DailyProfile(1, 1, NAMES, 4, half_life=2)
    profile.fit(TrainingSignal(x, None, covariates(step), step[:1], day))
    found = profile(covariates(step))
    for i, t in enumerate(step.tolist()):
        alike = [
            k
            for k, s in enumerate(step.tolist())
            if s % 4 == t % 4 and (s // 4 % 7 > 4) == (t // 4 % 7 > 4)
        ]
        weight = [2 ** (-(8 - int(day[k])) / 2) for k in alike]
        expected = sum(w * float(x[k]) for w, k in zip(weight, alike)) / sum(weight)
        assert float(found[i]) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(GraphError, match="days"):
        profile.fit(TrainingSignal(x, None, covariates(step), step[:1]))
    with pytest.raises(GraphError, match="half_life"):
        DailyProfile(1, 1, NAMES, 4, half_life=0)


def test_a_sensor_that_died_long_ago_keeps_its_mean():
    step = torch.arange(4 * 90)
    mask = (step < 40).view(-1, 1, 1)
    x = torch.full((360, 1, 1), 50.0) * mask
    profile = DailyProfile(1, 1, NAMES, 4, half_life=0.5)
    profile.fit(TrainingSignal(x, mask, covariates(step), step[:1], step // 4))
    torch.testing.assert_close(profile.mean, torch.full_like(profile.mean, 50))


def test_times_that_were_not_seen():
    step = torch.arange(2)  # two times of a Monday
    x = torch.tensor([[[1.0]], [[3.0]]])
    profile = DailyProfile(1, 1, NAMES, 4)
    profile.fit(TrainingSignal(x, None, covariates(step), step[:1]))
    later = covariates(torch.tensor([[0, 1, 2, 20, 21, 23]]))
    assert profile(later).flatten().tolist() == [1.0, 3.0, 2.0, 1.0, 3.0, 2.0]


def test_no_clock():
    with pytest.raises(GraphError, match="time of day"):
        DailyProfile(1, 1, ("day_of_week",), 4)
