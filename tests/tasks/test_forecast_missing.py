"""One definition of missing readings, and rows that are missing: times decide, not row numbers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphkit
from graphkit import Forecast, Predictor, TemporalGraph, registry
from graphkit.errors import GraphError, GraphWarning

FORECASTERS = registry.names("model", view="signal", tasks="forecast")


def hourly(rows: int = 480, zone: str | None = None, start: str = "2024-01-01") -> pd.DataFrame:
    """Four sensors with a daily rhythm, readings well above 0."""
    draw = np.random.default_rng(0)
    index = pd.date_range(start, periods=rows, freq="1h", tz=zone)
    wave = 20 + 5 * np.sin(index.hour.to_numpy()[:, None] * 2 * np.pi / 24 + np.arange(4))
    return pd.DataFrame(wave + draw.normal(size=(rows, 4)) / 5, index=index, columns=list("abcd"))


def graph_of(table: pd.DataFrame) -> TemporalGraph:
    links = pd.DataFrame({"from": list("abc"), "to": list("bcd")})
    return TemporalGraph.from_pandas(links, "from", "to", None, signal=table)


def forecast(table: pd.DataFrame, **options: Any) -> Forecast:
    return Forecast(graph_of(table), **{"history": 6, "horizon": 3, "horizons": (), **options})


def with_holes(fill: float) -> pd.DataFrame:
    table = hourly()
    holes = np.random.default_rng(1).random(table.shape) < 0.15
    return table.mask(holes, fill)


# -------------------------------------------------------------------- one definition of missing
@pytest.mark.parametrize("name", FORECASTERS)
@pytest.mark.parametrize("value", [0.0, -99.0])
def test_a_value_for_missing_is_nan_to_the_bit(name: str, value: float) -> None:
    """In scaler, inputs, profile, targets and edges, for every model that forecasts."""
    found = []
    for table, null in ((with_holes(np.nan), None), (with_holes(value), value)):
        task = forecast(table, null_value=null, edges="correlation", num_neighbors=2, profile=True)
        torch.manual_seed(0)
        model = registry.get("model", name).from_task(task)
        result = graphkit.fit(model, task, epochs=1, progress=False, device="cpu", seed=0)
        query = task.query(task.index.test[:4])
        found.append((result.metrics, query, result.predictor))
    (one, query, _), (other, again, predictor) = found
    assert one == other
    for field in ("x", "x_mask", "y", "y_mask", "covariates"):
        assert torch.equal(getattr(query, field), getattr(again, field)), field
    # Later rows: the predictor goes by the same definition.
    later = with_holes(np.nan).iloc[-30:]
    asked = predictor.forecast(frame=later)
    pd.testing.assert_frame_equal(predictor.forecast(frame=later.fillna(value)), asked)


def test_the_mean_of_the_present_is_not_drawn_to_the_missing() -> None:
    """Against pandas, which leaves NaN out."""
    table = with_holes(np.nan)
    task = forecast(with_holes(0.0), null_value=0.0, scale_per="node")
    train = table.iloc[: int(task.windows.start[task.index.train[-1]]) + 9]
    shift = task.scaler.shift.flatten().numpy()
    np.testing.assert_allclose(shift, train.mean(), rtol=1e-5)
    scale = task.scaler.scale.flatten().numpy()
    np.testing.assert_allclose(scale, train.std(ddof=0), rtol=1e-5)
    plain = graphkit.evaluate(registry.get("model", "ha").from_task(task), task, "test")
    assert plain["mae"] < 0.5  # the noise; zeros among the readings of an hour made it 3 and more


# -------------------------------------------------------------------- rows that are missing
def ramp(rows: list[int]) -> pd.DataFrame:
    """A sensor that rises by 1 an hour."""
    index = pd.Timestamp("2024-01-01") + pd.to_timedelta(rows, "h")
    return pd.DataFrame({n: np.array(rows, float) for n in "abcd"}, index=index)


def test_a_gap_is_no_step() -> None:
    """Rows 450 to 509 are missing; one hour ahead the last value is wrong by 1."""
    table = ramp([*range(450), *range(510, 720)])
    with pytest.warns(GraphWarning, match=r"not regular in 1 places, first in row 450.*06:00"):
        task = forecast(table, horizon=1)
    model = registry.get("model", "last_value").from_task(task)
    for split in ("train", "val", "test"):
        assert graphkit.evaluate(model, task, split)["mae"] == pytest.approx(1.0)
    assert task.identity()["gaps"] == "split in 1 places"
    joined = forecast(table, horizon=1, gaps="join", split=(0.05, 0.4))
    assert graphkit.evaluate(model, joined, "test")["mae"] > 1.2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert forecast(table, horizon=1, gaps="split").identity() == task.identity()
        filled = forecast(table, horizon=1, gaps="missing")
        forecast(ramp(list(range(720))))
    assert len(filled.graph.signal_t) == 720
    assert int((~filled.graph.signal_mask.expand(720, 4, 1)).sum()) == 60 * 4
    with pytest.raises(GraphError, match=r"'signal_t', row 450: the rows are not regular"):
        forecast(table, gaps="raise")
    moved = table.set_axis([*table.index[:-1], table.index[-1] + pd.Timedelta("30min")])
    with pytest.raises(GraphError, match="not a whole number of steps"):
        forecast(moved, gaps="missing")


@given(st.sets(st.integers(0, 60), max_size=12), st.integers(1, 4), st.integers(1, 3))
def test_no_window_crosses_a_gap(lost: set[int], history: int, stride: int) -> None:
    rows = [r for r in range(61) if r not in lost]
    graph = graph_of(ramp(rows))
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    size = history + 1
    expected = [run[i : i + size].tolist() for run in runs
                for i in range(0, len(run) - size + 1, stride)]  # fmt: skip
    usual = np.median(np.diff(rows)) == 1
    if not usual or not expected:
        return
    windows = graph.windows(history, 1, stride, gaps="split")
    assert [w.x[:, 0, 0].tolist() + w.y[:, 0, 0].tolist() for w in windows] == expected
    assert len(windows) == len(expected)
    batch = windows[torch.arange(len(windows))]
    assert torch.cat([batch.x, batch.y], 1)[:, :, 0, 0].tolist() == expected
    for row in range(len(rows)):
        first = next(i for i, run in enumerate(runs) if rows[row] in run)
        assert windows.stretch_start(row) == rows.index(runs[first][0])
    filled = graph.windows(history, 1, stride, gaps="missing")
    assert filled.graph.signal_t.diff().unique().tolist() == [filled.graph.signal_t.diff()[0]]
    present = filled.graph.signal[..., 0, 0][_mask(filled.graph)[:, 0, 0]]
    assert present.tolist() == [float(r) for r in rows]


def _mask(graph: TemporalGraph) -> torch.Tensor:
    if graph.signal_mask is None:
        return torch.ones_like(graph.signal, dtype=torch.bool)
    return graph.signal_mask.expand_as(graph.signal)


def test_recordings_may_begin_anywhere_but_not_run_at_another_rate() -> None:
    t = [0, 2, 4, 6, 8, 10, 100, 102, 104, 106, 110, 112, 114, 116]
    recording = [0] * 6 + [1] * 8
    signal = torch.arange(14.0).view(-1, 1, 1)
    graph = TemporalGraph([], [], [], signal=signal, signal_t=t, signal_recording=recording)
    with pytest.warns(GraphWarning, match="1 places, first in row 10"):
        windows = graph.windows(3, 1)
    assert windows.start.tolist() == [0, 1, 2, 6, 10]
    assert windows.recording.tolist() == [0, 0, 0, 1, 1]
    own_rate = TemporalGraph(
        [], [], [], signal=signal, signal_t=[*t[:6], *range(100, 140, 5)],
        signal_recording=recording,
    )  # fmt: skip
    assert len(own_rate.windows(3, 1)) == 3 + 5  # each recording at its own rate
    with pytest.raises(GraphError, match="recording 0 is sampled at another rate"):
        Forecast(own_rate, history=2, horizon=1, split=(0.2, 0.2))


def test_far_too_many_rows_to_fill_in() -> None:
    table = ramp([*range(50), 10**7])
    with pytest.raises(GraphError, match=r"row 50: 9,999,950 rows are missing before this one"):
        forecast(table, gaps="missing")


def test_a_predictor_begins_after_the_last_gap(tmp_path: Path) -> None:
    table = ramp([*range(450), *range(510, 514)])
    task = forecast(table, horizon=1, gaps="split")
    predictor = Predictor(registry.get("model", "last_value").from_task(task), task)
    predictor = Predictor.open(predictor.save(tmp_path / "ramp"))
    with pytest.raises(GraphError, match=r"too few rows.*got 4"):
        predictor.forecast()
    predictor.observe(ramp([514, 515]))
    assert predictor.forecast().to_numpy().tolist() == [[515.0] * 4]


# -------------------------------------------------------------------- the local clock
@pytest.mark.parametrize("start", ["2024-03-20", "2024-10-15"])
def test_a_daily_profile_follows_the_local_clock(start: str, tmp_path: Path) -> None:
    """Over both changes of the clock; then saved, opened, and asked after the change."""
    table = hourly(24 * 20, "Europe/Berlin", start)  # the rhythm is that of the local hour
    task = forecast(table, profile=True, split=(0.2, 0.2))
    assert task.input.time_zone == "Europe/Berlin"
    hour = (task.input.covariates(task.graph.signal_t)[:, 0] * 24).round()
    assert hour.tolist() == table.index.hour.tolist()
    graphkit.TemporalGraph.save(task.graph, tmp_path / "graph")
    again = Forecast(
        TemporalGraph.open(tmp_path / "graph"), history=6, horizon=3, horizons=(), profile=True,
        split=(0.2, 0.2),
    )  # fmt: skip
    model = registry.get("model", "ha").from_task(task)
    found = graphkit.evaluate(model, task, "test")
    assert found["mae"] < 0.35  # by the hour of UTC it is above 1 after the change
    assert graphkit.evaluate(registry.get("model", "ha").from_task(again), again, "test") == found
    predictor = Predictor.open(Predictor(model, task, until="val").save(tmp_path / "fitted"))
    test = table.iloc[int(task.windows.start[task.index.test].min()) :]
    predictor.observe(test.iloc[:6])
    ahead = predictor.forecast()
    assert ahead.index.tolist() == table.index[table.index.get_loc(test.index[6]) :][:3].tolist()
    np.testing.assert_allclose(ahead, test.iloc[6:9], atol=1.2)


def test_a_clock_of_dates_has_its_own_beginning() -> None:
    with pytest.raises(GraphError, match="'start': the times of this graph are dates already"):
        forecast(hourly(100, "Europe/Berlin"), start="2020-01-01")
