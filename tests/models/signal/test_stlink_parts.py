"""What space and memory are worth where they are all that is missing (spec item 16)."""

import math

import pytest
import torch

from graphkit import fit, load, seed_everything
from graphkit.models.signal import STLINK
from graphkit.tasks import Forecast

N, DAYS = 8, 12


def error(signal, seed, *, epochs, norm="none", **settings):
    """Validation MAE after a short training; sensors have no embedding of their own."""
    graph = load("sensor_ring", num_nodes=N, days=DAYS, **signal)
    task = Forecast(graph, history=12, horizon=6, profile=True, seed=seed, horizons=())
    seed_everything(seed)
    model = STLINK(
        N,
        12,
        6,
        covariate_names=task.covariate_names,
        slots_per_day=task.steps_per_day,
        node_table=False,
        layout="node",
        norm=norm,
        level=norm != "none",
        **settings,
    )
    model.look_at(task.training_signal(), seed=seed)
    how = {"device": "cpu", "threads": 1, "progress": False, "patience": None, "seed": seed}
    result = fit(
        model, task, lr=0.01, epochs=epochs, batch_size=16, schedule="cosine", warmup=0.5,
        clip_norm=5.0, **how,
    )  # fmt: skip
    return result.metrics["val"]["mae"]


@pytest.mark.nightly
@pytest.mark.slow
def test_space_tells_from_whom_a_shock_comes():
    """What is unusual moves to the next sensor. Coordinate: the angle on the ring, twice."""
    angle = 4 * math.pi / N * torch.arange(N).float().unsqueeze(1)
    small = {"channels": 32, "num_layers": 2, "heads": 2, "expansion": 2}
    given = {"memory": False, "backbone_options": small, "epochs": 14}
    signal = {"drift": 1.0, "shocks": 8.0}
    found = [
        [error(signal, seed, space=space, basis=angle if space else None, **given)
         for space in (True, False)]
        for seed in range(3)
    ]  # fmt: skip
    on, off = torch.tensor(found).mean(0).tolist()
    assert on < 0.9 * off, found


@pytest.mark.nightly
@pytest.mark.slow
def test_memory_knows_how_a_shock_goes_on():
    """Shocks of a few shapes come again and again, each at a sensor of its own."""
    memory = {"num_slots": 512, "top_k": 4, "key_channels": 16}
    small = {"channels": 16, "num_layers": 1, "heads": 2, "expansion": 2}
    given = {"space": False, "backbone_options": small, "num_adapted": 1, "epochs": 12}
    signal = {"drift": 0.0, "decay": 0.0, "noise": 0.3, "shocks": 16, "shock_kinds": 4,
              "shock_steps": 12, "shock_size": 10}  # fmt: skip
    found = [
        [error(signal, seed, norm="window", memory=on, memory_options=memory, **given)
         for on in (True, False)]
        for seed in range(3)
    ]  # fmt: skip
    on, off = torch.tensor(found).mean(0).tolist()
    assert on < 0.95 * off, found
