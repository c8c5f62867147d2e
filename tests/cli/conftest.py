"""The command in this process and in a fresh one, and small tables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import graphkit
from graphkit.cli.graphs import TableColumns

ROOT = str(Path(graphkit.__file__).parents[1])


class Done(NamedTuple):
    """What a command left behind: exit code and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    """``graphkit`` with some arguments, in this process."""
    from graphkit.cli import main

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def fresh(tmp_path: Path) -> Run:
    """``python -m graphkit`` with some arguments, in a process of its own and in ``tmp_path``."""

    def run(*arguments: object) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "graphkit", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def _events(num_events: int = 600, first: int = 1_600_000_000) -> pd.DataFrame:
    """Users with a favourite item each; integer labels that are no ids, one feature."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, 20, num_events)
    item = np.where(rng.random(num_events) < 0.8, user % 10, rng.integers(0, 10, num_events))
    return pd.DataFrame(
        {
            "user": 100 + 7 * user,
            "item": 100 + 7 * item,
            "ts": first + np.cumsum(rng.integers(1, 50, num_events)),
            "price": rng.random(num_events).round(3),
        }
    )


def _readings(num_steps: int = 300) -> pd.DataFrame:
    """Three sensors that follow the hour, every five minutes; one reading is missing."""
    rng = np.random.default_rng(0)
    t = pd.date_range("2024-01-01", periods=num_steps, freq="5min")
    phase = np.arange(num_steps) / 12 * 2 * np.pi
    table = pd.DataFrame({name: np.sin(phase + i) + rng.normal(0, 0.05, num_steps)
                          for i, name in enumerate(["north", "east", "south"])})  # fmt: skip
    table.insert(0, "t", t)
    table.loc[3, "east"] = np.nan
    return table


@pytest.fixture
def make_events() -> Callable[..., pd.DataFrame]:
    """Makes the table of ``events.csv``."""
    return _events


@pytest.fixture
def make_readings() -> Callable[..., pd.DataFrame]:
    """Makes the table of ``readings.csv``."""
    return _readings


@pytest.fixture
def events_csv(tmp_path: Path) -> Path:
    """600 events of users and items."""
    path = tmp_path / "events.csv"
    _events().to_csv(path, index=False)
    return path


@pytest.fixture
def readings_csv(tmp_path: Path) -> Path:
    """300 rows of three sensors."""
    path = tmp_path / "readings.csv"
    _readings().to_csv(path, index=False)
    return path


@pytest.fixture
def trained(events_csv: Path, tmp_path: Path) -> Path:
    """A saved NAT that has observed ``events.csv``; a second copy is in ``copy``."""
    from graphkit.cli.training import Training

    columns = TableColumns(src="user", dst="item", time="ts", edge_attr=("price",))
    training = Training.plan("link_prediction", "nat")
    training.settle([], {"fit": {"epochs": 1, "lr": 1e-3, "threads": 1, "device": "cpu"}})
    result = training.run(training.read(events_csv, columns))
    for name in ("model", "copy"):
        result.predictor.save(tmp_path / name)
    return tmp_path / "model"
