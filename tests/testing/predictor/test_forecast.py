"""Every registered forecaster: opened and fed by label, it forecasts what ``evaluate`` does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from graphkit import TemporalGraph, registry
from graphkit.data.window_splits import BlockSplit
from graphkit.datasets.sensor_ring import sensor_ring
from graphkit.registry import register
from graphkit.tasks import Forecast
from graphkit.testing.predictor import check_predictor

MODELS = registry.entries("model", view="signal", tasks="forecast")


def named(missing: float = 0.0) -> TemporalGraph:
    """Sensors with names and dates in a zone."""
    ring = sensor_ring(5, 4, steps_per_day=24, missing=missing)
    return TemporalGraph(
        ring.src, ring.dst, ring.t, edge_weight=ring.edge_weight, signal=ring.signal,
        signal_mask=ring.signal_mask, signal_t=ring.signal_t, time_zone="Europe/Berlin",
        node_names=["north", "east", "south", "west", "roof"],
        column_names={"signal": ("level",)},
    )  # fmt: skip


def task(**options: object) -> Forecast:
    missing = options.pop("missing", 0.0)
    return Forecast(named(missing), **{"history": 6, "horizon": 3, "horizons": (), **options})


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_every_model(entry: registry.Entry, missing: float) -> None:
    asked = task(missing=missing, profile=bool(missing))
    check_predictor(entry.make.from_task(asked), asked, separate_process=False)


def test_in_a_fresh_process() -> None:
    asked = task(missing=0.1)
    check_predictor(registry.get("model", "gru").from_task(asked), asked)


@pytest.mark.parametrize(
    "options",
    [
        {"delay": 2},
        {"stride": 4},
        {"scaler": "minmax", "scale_per": "node", "null_value": 50.0},
        {"split": BlockSplit(4, 1, within="signal")},
    ],
    ids=str,
)
def test_options_of_the_task(options: dict) -> None:
    asked = task(**options)
    check_predictor(registry.get("model", "linear").from_task(asked), asked, separate_process=False)


def test_recordings_and_rows_that_are_unevenly_spaced() -> None:
    draw = np.random.default_rng(0)
    hours = np.flatnonzero(np.arange(240) % 24 > 4)  # closed at night
    signal = draw.normal(size=(len(hours), 3, 2)).astype(np.float32)
    apart = TemporalGraph([], [], [], signal=signal, signal_t=hours, time_unit="h")
    asked = Forecast(apart, history=6, horizon=3, horizons=())
    check_predictor(registry.get("model", "gru").from_task(asked), asked, separate_process=False)
    days = TemporalGraph(
        [], [], [], signal=signal, signal_t=hours, time_unit="h", signal_recording=hours // 24
    )
    asked = Forecast(days, history=6, horizon=3, horizons=(), split=(0.3, 0.3))
    check_predictor(registry.get("model", "gru").from_task(asked), asked, separate_process=False)


@pytest.fixture
def forgetful() -> Iterator[type[nn.Module]]:
    """A model that breaks the promise: what it was fitted to is in no buffer."""

    class Forgetful(nn.Module):
        kind = "forecast"

        def __init__(self, horizon: int) -> None:
            super().__init__()
            self.horizon, self.level = horizon, 0.0

        def forward(self, x, covariates=None, mask=None):
            return x[:, -1:].expand(-1, self.horizon, -1, -1) + self.level

    known = dict(registry._entries["model"])
    register("model", "forgetful", view="signal", tasks=("forecast",))(Forgetful)
    yield Forgetful
    registry._entries["model"] = known


def test_a_difference_is_told(forgetful: type[nn.Module]) -> None:
    asked = task()
    model = forgetful(asked.horizon)
    check_predictor(model, asked, separate_process=False)
    model.level = torch.tensor(0.5)
    with pytest.raises(AssertionError, match="a forecast: 15 of 15 values differ"):
        check_predictor(model, asked, separate_process=False)


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ("zone", {"profile": True, "split": (0.2, 0.2)}),
        ("zeros", {"null_value": 0.0, "profile": True}),
        ("gap", {"gaps": "split"}),
        ("gap", {"gaps": "missing"}),
        ("gap", {"gaps": "join"}),
    ],
)
def test_local_clocks_missing_values_and_gaps(changes: str, options: dict[str, Any]) -> None:
    """Over a change of the clock, with zeros for missing readings, and rows missing in the test."""
    index = pd.date_range("2024-03-20", periods=480, freq="1h", tz="Europe/Berlin")
    wave = 20 + 5 * np.sin(index.hour.to_numpy()[:, None] * 2 * np.pi / 24 + np.arange(3))
    table = pd.DataFrame(wave, index=index, columns=list("abc"))
    if changes == "zeros":
        table = table.mask(np.random.default_rng(1).random(table.shape) < 0.15, 0.0)
    if changes == "gap":
        table = table.drop(index[440:446])
    links = pd.DataFrame({"from": ["a", "b"], "to": ["b", "c"]})
    graph = TemporalGraph.from_pandas(links, "from", "to", None, signal=table)
    task = Forecast(graph, history=6, horizon=3, horizons=(), **options)
    check_predictor(registry.get("model", "linear").from_task(task), task)
