"""The generated ring: its equation, its clock, and that neighbours tell the future."""

import numpy as np
import pytest
import torch

from graphkit.data.covariates import time_covariates
from graphkit.datasets import load
from graphkit.errors import GraphError


def test_shape_and_clock():
    graph = load("sensor_ring", num_nodes=5, days=3, steps_per_day=24)
    assert graph.signal.shape == (72, 5, 1)
    assert graph.num_events == 10
    times = time_covariates(graph.signal_t, graph.time_unit)
    assert times[0].tolist() == [0.0, 0.0]  # midnight, a Monday
    assert times[-1].tolist() == pytest.approx([23 / 24, 2.0])
    assert set(zip(graph.src.tolist(), graph.dst.tolist())) == {
        *((n, (n + 1) % 5) for n in range(5)), *((n, (n - 1) % 5) for n in range(5)),
    }  # fmt: skip
    again = load("sensor_ring", num_nodes=5, days=3, steps_per_day=24)
    assert torch.equal(again.signal, graph.signal)
    other = load("sensor_ring", num_nodes=5, days=3, steps_per_day=24, seed=1)
    assert not torch.equal(other.signal, graph.signal)
    broken = load("sensor_ring", num_nodes=5, days=3, steps_per_day=24, missing=0.25)
    assert 0.15 < float((~broken.signal_mask).float().mean()) < 0.35


def test_without_noise_and_shocks_only_the_rhythm_is_left():
    graph = load("sensor_ring", num_nodes=4, days=2, steps_per_day=48, noise=0.0, shocks=0.0)
    signal = graph.signal[..., 0].numpy()
    np.testing.assert_allclose(signal[:48], signal[48:], atol=1e-4)
    assert np.ptp(signal, axis=0).min() > 5


def test_the_neighbour_knows():
    signal = load("sensor_ring", days=20, steps_per_day=48).signal[..., 0].double()
    rest = signal - signal.view(20, 48, -1).mean(0).repeat(20, 1)
    now, after = rest[:-3], rest[3:]

    def correlation(a, b):
        return float((a * b).mean() / (a.square().mean() * b.square().mean()).sqrt())

    assert correlation(now.roll(2, 1), after) > correlation(now, after) + 0.2


def test_shocks_of_a_few_shapes():
    """Without noise, what begins alone at a sensor is one of the shapes, sample by sample."""
    given = {"num_nodes": 40, "days": 20, "steps_per_day": 48, "noise": 0.0, "drift": 0.0,
             "decay": 0.0, "shocks": 2.0, "shock_steps": 6, "shock_kinds": 3}  # fmt: skip
    calm = load("sensor_ring", **{**given, "shocks": 0.0}).signal[..., 0]
    signal = load("sensor_ring", **given).signal[..., 0]
    # Daily rhythms differ: their heights are drawn after the shocks. Take each sensor's median day.
    day = signal.view(20, 48, 40).median(0).values.repeat(20, 1)
    assert calm.shape == signal.shape
    rest = (signal - day).numpy()
    shapes = set()
    for node in range(40):
        at = np.flatnonzero(np.abs(rest[:, node]) > 1e-3)
        for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1):
            if len(run) == 6:
                shapes.add(tuple(np.round(rest[run, node], 1)))
    assert len(shapes) == 3
    assert (15.0, 12.5, 10.0, 7.5, 5.0, 2.5) in shapes


@pytest.mark.parametrize(
    "options",
    [{"num_nodes": 2}, {"days": 0}, {"steps_per_day": 7_000}, {"drift": 1.5}, {"decay": 1.0},
     {"missing": -0.1}],
)  # fmt: skip
def test_what_is_refused(options):
    with pytest.raises(GraphError, match=next(iter(options))):
        load("sensor_ring", **options)
