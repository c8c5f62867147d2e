"""``graphkit forecast``: in a fresh process, from the last reading or from newer ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphkit import Predictor
from graphkit.cli.tables import read_table

TRAIN = ["--task", "forecast", "--model", "linear", "--time", "t", "--dates", "--history", "6",
         "--horizon", "4", "--epochs", "1"]  # fmt: skip
SENSORS = ["north", "east", "south"]


@pytest.fixture
def forecaster(command: Any, readings_csv: Path, tmp_path: Path) -> Path:
    """A saved model that has observed ``readings.csv``, whose last row is 2024-01-02T00:55."""
    done = command("train", readings_csv, *TRAIN, "--out", tmp_path / "m")
    assert done.code == 0, done.err
    assert f"  graphkit forecast {tmp_path / 'm'} --out next.csv" in done.out
    return tmp_path / "m"


def test_the_next_hour_in_a_fresh_process(fresh: Any, forecaster: Path, tmp_path: Path) -> None:
    done = fresh("forecast", forecaster, "--out", "next.csv")
    assert (done.code, done.out, done.err) == (0, "4 rows: next.csv\n", "")
    found = read_table(tmp_path / "next.csv")
    assert found.columns.tolist() == ["t", *SENSORS]
    times = pd.date_range("2024-01-02 01:00", periods=4, freq="5min")
    assert pd.to_datetime(found["t"]).tolist() == times.tolist()
    wanted = Predictor.open(forecaster).forecast()
    assert found[SENSORS].to_numpy() == pytest.approx(wanted[SENSORS].to_numpy(), rel=1e-5)


def test_after_newer_readings(
    command: Any, forecaster: Path, tmp_path: Path, make_readings: Any
) -> None:
    table = make_readings(310).iloc[300:]
    table[["t", "south", "north", "east"]].to_csv(tmp_path / "today.csv", index=False)
    files = {path.name: path.read_bytes() for path in forecaster.iterdir()}
    out = tmp_path / "next.parquet"
    done = command("forecast", forecaster, tmp_path / "today.csv", "--steps", 2, "--out", out)
    assert done.code == 0, done.err
    found = read_table(out)
    wanted = Predictor.open(forecaster)
    wanted.observe(table)
    pd.testing.assert_frame_equal(
        found.set_index("t"), wanted.forecast(steps=2), check_index_type=False, check_freq=False
    )
    assert found["t"].iloc[0] == pd.Timestamp("2024-01-02 01:50")
    assert {path.name: path.read_bytes() for path in forecaster.iterdir()} == files
    done = command("observe", forecaster, tmp_path / "today.csv")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].endswith(": 10")
    command("forecast", forecaster, "--steps", 2, "--out", tmp_path / "again.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "again.parquet"), found)


def test_a_gap(command: Any, forecaster: Path, tmp_path: Path, make_readings: Any) -> None:
    make_readings(320).iloc[305:].to_csv(tmp_path / "later.csv", index=False)
    assert command("forecast", forecaster, tmp_path / "later.csv").code == 2
    done = command("forecast", forecaster, tmp_path / "later.csv", "--gaps", "split")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 5


def test_every_window_of_a_table(
    command: Any, forecaster: Path, readings_csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "all.csv"
    assert command("predict", forecaster, readings_csv, "--out", out).code == 0
    found = read_table(out)
    assert len(found) == (300 - 6 + 1) * 4
    assert set(SENSORS) < set(found.columns)


def test_what_is_refused(command: Any, forecaster: Path, tmp_path: Path) -> None:
    assert command("forecast", forecaster, "--steps", 5).code == 2
    (tmp_path / "r.csv").write_text("t,north,east,west\n2024-01-02T01:00,1,2,3\n")
    done = command("forecast", forecaster, tmp_path / "r.csv")
    assert (done.code, "'south'" in done.err) == (2, True)


def test_another_kind_of_model(command: Any, trained: Path) -> None:
    done = command("forecast", trained)
    assert (done.code, done.out) == (2, "")
    assert "a predictor of 'link_prediction' has no forecast(); expected score()" in done.err
