"""The predictor of forecasts against windows cut by hand, and what it refuses."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from graphkit import TemporalGraph
from graphkit.engine.predictor import Appended, ForecastPredictor, Predictor
from graphkit.errors import GraphError, UnknownNameError
from graphkit.models.signal import SignalGRU
from graphkit.tasks import Forecast

HISTORY, HORIZON = 6, 3
ZONE = "Europe/Berlin"


class Mean(nn.Module):
    """The mean of the readings that there are, plus 10 for each step and the time of day."""

    kind = "forecast"

    def __init__(self, horizon=HORIZON, targets=(0, 1)):
        super().__init__()
        self.horizon, self.targets = horizon, list(targets)

    def forward(self, x, covariates=None, mask=None):
        mask = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        mean = (x * mask).sum(1) / mask.sum(1).clamp_min(1)
        step = torch.arange(1, self.horizon + 1).view(1, -1, 1, 1) * 10
        out = mean[:, None, :, self.targets] + step
        if covariates is not None:
            out = out + covariates[:, -self.horizon :, 0, None, None]
        return out


def table(rows=60, start=0, zone=None, channels=True, missing=False, begin="2024-03-30"):
    """Hourly readings of three sensors and two channels."""
    draw = np.random.default_rng(1)
    values = draw.normal(size=(start + rows, 3, 2)).round(3)[start:] * 5 + 20
    if missing:
        values[draw.random(values.shape) < 0.2] = np.nan
    index = pd.date_range(begin, periods=start + rows, freq="h", tz=zone)[start:]
    names = pd.MultiIndex.from_product([["a", "b", "c"], ["speed", "flow"]])
    frame = pd.DataFrame(values.reshape(rows, 6).astype(np.float32), index=index, columns=names)
    return frame if channels else frame.xs("speed", axis=1, level=1)


def graph_of(frame, **more):
    """As a user would: nodes from the table, nothing else."""
    return TemporalGraph([], [], [], signal=frame, time_unit="s", **more)


def build(frame=None, model=None, until=None, **options):
    frame = table() if frame is None else frame
    options = {"history": HISTORY, "horizon": HORIZON, "horizons": (), **options}
    task = Forecast(graph_of(frame), **options)
    model = Mean(targets=task.target_channels) if model is None else model
    return Predictor(model, task, until=until), task


def by_hand(task, rows, model):
    """``[T, N, C']``: the forecast after some rows of the graph, by scaler and calendar alone."""
    graph = task.graph
    x = task.scaler(graph.signal[rows].double())
    mask = None
    if graph.signal_mask is not None:
        mask = graph.signal_mask[rows].expand_as(x)
        x = x.masked_fill(~mask, 0)
    last = int(graph.signal_t[rows][-1])
    hours = [(last // 3600 + task.delay + k) % 24 for k in range(1, task.horizon + 1)]
    ahead = torch.tensor(hours).double() / 24
    covariates = torch.zeros(1, HISTORY + task.delay + task.horizon, 2, dtype=torch.float64)
    covariates[0, -task.horizon :, 0] = ahead
    if mask is not None:
        mask = mask.unsqueeze(0)
    out = model(x.unsqueeze(0), covariates, mask)[0]
    scale, shift = task.scaler.scale[0].double(), task.scaler.shift[0].double()
    channels = list(task.target_channels)
    return out * scale[..., channels] + shift[..., channels]


# ------------------------------------------------------------------ values
@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("missing", [False, True])
def test_the_steps_after_the_end(delay, missing):
    frame = table(missing=missing)
    predictor, task = build(frame, delay=delay)
    assert isinstance(predictor, ForecastPredictor)
    assert (predictor.history, predictor.horizon) == (HISTORY, HORIZON)
    found = predictor.forecast()
    want = by_hand(task, slice(-HISTORY, None), Mean())
    np.testing.assert_allclose(found.to_numpy(), want.flatten(1).numpy(), rtol=1e-5)
    assert found.columns.equals(frame.columns)
    times = pd.date_range(frame.index[-1] + pd.Timedelta(hours=1 + delay), periods=3, freq="h")
    assert found.index.equals(times)
    short = predictor.forecast(2)
    pd.testing.assert_frame_equal(short, found.iloc[:2], check_freq=False)


def test_dates_in_a_zone_cross_a_change_of_the_clock():
    days = {"zone": ZONE, "begin": "2024-03-27"}
    frame = table(rows=94, **days)  # ends at 21:00 the day before
    predictor, _ = build(frame, horizon=6, model=Mean(6))
    found = predictor.forecast()
    assert str(found.index.tz) == ZONE
    assert [t.hour for t in found.index] == [22, 23, 0, 1, 3, 4]
    with pytest.raises(GraphError, match="dates with a zone and dates without one"):
        predictor.observe(table(rows=2, start=94, begin="2024-03-27"))
    more = table(rows=2, start=94, **days)
    assert predictor.observe(more.tz_convert("Asia/Tokyo")) == Appended(2)
    assert predictor.forecast().index[0] == pd.Timestamp("2024-03-31 00:00", tz=ZONE)


def test_one_channel_and_chosen_channels():
    frame = table(channels=False)
    found = build(frame)[0].forecast()
    assert found.columns.tolist() == ["a", "b", "c"]
    predictor, task = build(table(), target_channels=1)
    found = predictor.forecast()
    assert found.columns.tolist() == [("a", "flow"), ("b", "flow"), ("c", "flow")]
    want = by_hand(task, slice(-HISTORY, None), Mean(targets=(1,)))[..., 0]
    np.testing.assert_allclose(found.to_numpy(), want.numpy(), rtol=1e-5)


@pytest.mark.parametrize("missing", [False, True])
def test_every_window_of_a_table(missing):
    frame = table(missing=missing)
    predictor, task = build(frame)
    predictor.batch_size = 7
    some = frame.iloc[10:30]
    found = predictor.forecast(frame=some[reversed(some.columns.tolist())])
    assert found.index.names == ["made_at", "time"]
    assert len(found) == (20 - HISTORY + 1) * HORIZON
    for first in range(20 - HISTORY + 1):
        rows = slice(10 + first, 10 + first + HISTORY)
        made_at = frame.index[10 + first + HISTORY - 1]
        here = found.loc[made_at]
        want = by_hand(task, rows, Mean()).flatten(1)
        np.testing.assert_allclose(here.to_numpy(), want.numpy(), rtol=1e-5)
        assert here.index[0] == made_at + pd.Timedelta(hours=1)
    assert len(predictor.forecast(1, frame=some)) == 20 - HISTORY + 1
    whole = predictor.forecast(frame=graph_of(some))
    pd.testing.assert_frame_equal(whole, found[whole.columns])


def test_until_keeps_what_comes_before():
    predictor, task = build(until="val")
    first = int(task.windows.start[task.index.test[0]])
    want = by_hand(task, slice(first - HISTORY, first), Mean()).flatten(1)
    np.testing.assert_allclose(predictor.forecast().to_numpy(), want.numpy(), rtol=1e-5)
    early, _ = build(until="train")
    start = int(task.windows.start[task.index.val[0]])
    assert early.forecast().index[0] == table().index[start]


# ------------------------------------------------------------------ observe
def test_pieces_and_one_table_give_the_same():
    predictor, task = build(until="val")
    first = int(task.windows.start[task.index.test[0]])
    rest = table().iloc[first:]
    for row in range(len(rest)):
        piece = rest.iloc[[row]].iloc[:, ::-1]
        assert predictor.observe(piece) == Appended(1)
        stop = first + row + 1
        want = by_hand(task, slice(stop - HISTORY, stop), Mean()).flatten(1)
        np.testing.assert_allclose(predictor.forecast().to_numpy(), want.numpy(), rtol=1e-5)
    other, _ = build(until="val")
    assert other.observe(graph_of(rest)) == Appended(len(rest))
    pd.testing.assert_frame_equal(other.forecast(), predictor.forecast())
    assert other.observe(rest.iloc[:0]) == Appended(0)


def test_numbers_in_another_unit():
    frame = table().set_axis(np.arange(100, 160), axis=0)
    graph = TemporalGraph([], [], [], signal=frame, time_unit="h")
    task = Forecast(graph, history=HISTORY, horizon=HORIZON, horizons=())
    predictor, other = Predictor(Mean(), task), Predictor(Mean(), task)
    more = table(rows=2, start=60)
    minutes = more.set_axis([160 * 60, 161 * 60], axis=0)
    assert predictor.observe(minutes, time_unit="m").rows == 2
    assert other.observe(more.set_axis([160, 161], axis=0)).rows == 2
    pd.testing.assert_frame_equal(predictor.forecast(), other.forecast())
    assert predictor.forecast().index.tolist() == [162, 163, 164]
    with pytest.raises(GraphError, match="not a whole number of 'h'"):
        predictor.observe(minutes.set_axis([162 * 60 + 1, 163 * 60], axis=0), time_unit="m")
    with pytest.raises(GraphError, match="dates are given, but the graph's times are numbers"):
        predictor.observe(more)
    with pytest.raises(GraphError, match="the table has no times"):
        predictor.observe(more.reset_index(drop=True))
    with pytest.raises(GraphError, match="the table has no times"):
        predictor.forecast(frame=table().reset_index(drop=True))


def test_late_rows():
    predictor, _ = build(table(rows=50))
    more = table(rows=15, start=45)
    before = predictor.forecast()
    with pytest.raises(GraphError, match="row 0: this row is not after the last one") as caught:
        predictor.observe(more)
    assert caught.value.column == "time"
    pd.testing.assert_frame_equal(predictor.forecast(), before)
    assert predictor.observe(more, late="drop") == Appended(10, 0, 5)
    pd.testing.assert_frame_equal(predictor.forecast(), build()[0].forecast(), rtol=0.2)
    assert predictor.forecast().index[0] == more.index[-1] + pd.Timedelta(hours=1)
    with pytest.raises(UnknownNameError, match="late"):
        predictor.observe(more, late="insert")


def test_a_gap():
    predictor, _ = build(table(rows=50))
    before = predictor.forecast()
    more = table(rows=8, start=52)
    with pytest.raises(GraphError, match="row 0: rows are missing before this one") as caught:
        predictor.observe(more)
    assert "2024-04-01 02:00" in caught.value.expected
    inside = table(rows=8, start=50).drop(index=more.index[3])
    with pytest.raises(GraphError, match="row 5: rows are missing before this one"):
        predictor.observe(inside)
    pd.testing.assert_frame_equal(predictor.forecast(), before)
    with pytest.raises(UnknownNameError, match="gaps"):
        predictor.observe(more, gaps="fill")
    between = more.set_axis(more.index + pd.Timedelta(minutes=30))
    for gaps in ("raise", "missing"):
        with pytest.raises(GraphError, match="row 0: this row is not a whole number of steps"):
            predictor.observe(between, gaps=gaps)


def test_gaps_as_missing_readings():
    frame = table(rows=50, missing=True)
    predictor, _ = build(frame)
    other, _ = build(frame)
    full = table(rows=10, start=50, missing=True)
    holes = full.copy()
    holes.iloc[[0, 1, 4]] = np.nan
    assert predictor.observe(full.drop(index=full.index[[0, 1, 4]]), gaps="missing") == (7, 3, 0)
    assert other.observe(holes) == Appended(10)
    pd.testing.assert_frame_equal(predictor.forecast(), other.forecast())
    by_table = predictor.forecast(frame=full.drop(index=full.index[4]), gaps="missing")
    holes = full.copy()
    holes.iloc[4] = np.nan
    pd.testing.assert_frame_equal(by_table, other.forecast(frame=holes))


def test_gaps_that_begin_anew_or_are_joined():
    predictor, _ = build(table(rows=50))
    more = table(rows=12, start=60)
    assert predictor.observe(more.iloc[:4], gaps="split") == Appended(4)
    with pytest.raises(GraphError, match="too few rows were observed"):
        predictor.forecast()
    assert predictor.observe(more.iloc[4:6]) == Appended(2)
    fresh, _ = build(table(rows=50))
    fresh.observe(more.iloc[:6], gaps="split")
    pd.testing.assert_frame_equal(fresh.forecast(), predictor.forecast())
    joined, _ = build(table(rows=50))
    joined.observe(more.iloc[:2], gaps="join")
    rows = [46, 47, 48, 49, 60, 61]
    values = table(rows=72).iloc[rows].to_numpy()
    assert torch.equal(joined._last.values.flatten(1), torch.tensor(values))
    broken = pd.concat([table(rows=8), table(rows=9, start=20)])
    cut = fresh.forecast(1, frame=broken, gaps="split")
    assert len(cut) == (8 - HISTORY + 1) + (9 - HISTORY + 1)
    assert len(fresh.forecast(1, frame=broken, gaps="join")) == 17 - HISTORY + 1


def test_recordings_of_a_graph_do_not_run_into_one_another():
    frame, recording = table(rows=40), np.repeat([0, 1], [29, 11])
    graph = graph_of(frame, signal_recording=recording)
    task = Forecast(graph, history=HISTORY, horizon=HORIZON, horizons=(), split=(0.3, 0.3))
    predictor = Predictor(Mean(), task)
    found = predictor.forecast(1, frame=graph)
    assert len(found) == (29 - HISTORY + 1) + (11 - HISTORY + 1)
    later = graph_of(table(rows=10, start=40), signal_recording=np.repeat([0, 1], [2, 8]))
    predictor.observe(later)
    assert predictor._last.t.tolist() == later.signal_t[-HISTORY:].tolist()
    short = graph_of(table(rows=4, start=50), signal_recording=np.repeat([0, 1], [2, 2]))
    predictor.observe(short)
    with pytest.raises(GraphError, match="too few rows"):
        predictor.forecast()
    short = Forecast(
        graph_of(frame, signal_recording=np.repeat([0, 1], [37, 3])),
        history=HISTORY, horizon=HORIZON, horizons=(), split=(0.3, 0.3),
    )  # fmt: skip
    assert len(Predictor(Mean(), short)._last.t) == 3


# ------------------------------------------------------------------ refused
def test_what_does_not_fit():
    predictor, _ = build(table(rows=50))
    more = table(rows=10, start=50)
    with pytest.raises(GraphError, match="no column for the node 'b'"):
        predictor.observe(more.drop(columns="b", level=0))
    with pytest.raises(GraphError, match="the node 'b' has no channel 'flow'"):
        predictor.observe(more.drop(columns=[("b", "flow")]))
    with pytest.raises(GraphError, match="belongs to no node"):
        predictor.observe(more.join(more[["a"]].rename(columns={"a": "d"}, level=0)))
    with pytest.raises(GraphError, match="the columns have no channels"):
        predictor.observe(more.xs("speed", axis=1, level=1))
    with pytest.raises(GraphError, match="are not numbers"):
        predictor.observe(more.astype(str))
    infinite = more.copy()
    infinite.iloc[3, 2] = np.inf
    with pytest.raises(GraphError, match="'signal', row 3: a reading is not finite"):
        predictor.observe(infinite)
    with pytest.raises(GraphError, match="not a table of readings"):
        predictor.observe(more.to_numpy())
    with pytest.raises(GraphError, match="times of readings must increase"):
        predictor.observe(more.iloc[::-1])
    with pytest.raises(GraphError, match="too short for one window"):
        predictor.forecast(frame=more.iloc[:5])
    assert predictor.observe(more) == Appended(10)


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "two"])
def test_steps_that_are_no_count(steps):
    with pytest.raises(GraphError, match="'steps': not a count"):
        build()[0].forecast(steps)


@pytest.mark.parametrize("value", [table(), graph_of(table())], ids=["table", "graph"])
def test_a_table_in_the_place_of_steps(value):
    with pytest.raises(GraphError, match=r"Use forecast\(frame=table\)"):
        build()[0].forecast(value)


def test_steps_beyond_the_horizon():
    with pytest.raises(GraphError, match="does not forecast so far; expected at most 3; got 4"):
        build()[0].forecast(4)


def test_readings_that_were_never_missing_in_training():
    predictor, _ = build(table(rows=50))
    more = table(rows=6, start=50)
    more.iloc[1, 0] = np.nan
    predictor.observe(more)
    with pytest.warns(UserWarning, match="none was missing in training"):
        found = predictor.forecast()
    filled, _ = build(table(rows=50))
    filled.observe(more.fillna(more.iloc[[0, 2, 3, 4, 5], 0].mean()))
    np.testing.assert_allclose(found.iloc[:, 0], filled.forecast().iloc[:, 0], rtol=1e-5)
    more.iloc[:] = np.nan
    predictor.observe(more.set_axis(more.index + pd.Timedelta(hours=6)))
    with (
        pytest.warns(UserWarning, match="readings are missing"),
        pytest.raises(GraphError, match="hold no reading"),
    ):
        predictor.forecast()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(table(missing=True))[0].forecast()


def test_a_forecast_that_is_nan():
    class Broken(Mean):
        def forward(self, x, covariates=None, mask=None):
            return super().forward(x) * torch.nan

    predictor, _ = build(model=Broken())
    with pytest.raises(GraphError, match="a forecast is NaN"):
        predictor.forecast()


def test_methods_of_other_kinds():
    predictor, _ = build()
    for method in ("score", "recommend", "predict", "embed", "close"):
        with pytest.raises(GraphError, match=r"has no \w+\(\); expected observe\(\), forecast\(\)"):
            getattr(predictor, method)()


# ------------------------------------------------------------------ saved
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"scaler": "standard"},
        {"scaler": "none", "scale_per": "all"},
        {"scaler": "minmax", "scale_per": "node", "profile": True, "null_value": 20.0,
         "holidays": ["2024-04-01"], "target_channels": [1]},
    ],
)  # fmt: skip
def test_save_and_open(tmp_path: Path, options, missing):
    frame = table(missing=missing)
    _, task = build(frame, nn.Identity(), **options)
    predictor = Predictor(SignalGRU.from_task(task), task)
    opened = Predictor.open(predictor.save(tmp_path / "p"))
    assert isinstance(opened, ForecastPredictor)
    pd.testing.assert_frame_equal(opened.forecast(), predictor.forecast())
    more = table(rows=5, start=60, missing=missing)
    assert opened.observe(more) == predictor.observe(more) == Appended(5)
    pd.testing.assert_frame_equal(opened.forecast(), predictor.forecast())
    again = Predictor.open(opened.save(tmp_path / "p"))
    pd.testing.assert_frame_equal(again.forecast(), predictor.forecast())
    pd.testing.assert_frame_equal(again.forecast(frame=frame), predictor.forecast(frame=frame))


def test_double_precision_comes_back(tmp_path: Path):
    _, task = build(table().astype(np.float64), nn.Identity(), covariates=())
    assert task.scaler.shift.dtype == torch.float64
    predictor = Predictor(SignalGRU.from_task(task).double(), task)
    found = Predictor.open(predictor.save(tmp_path / "p")).forecast()
    assert found.to_numpy().dtype == np.float64
    pd.testing.assert_frame_equal(found, predictor.forecast(), rtol=1e-14)


def test_the_training_graph_is_not_kept():
    predictor, task = build()
    kept = sum(v.numel() for v in predictor._last)
    assert kept < task.graph.signal.numel() / 2
    storage = predictor._last.values.untyped_storage().nbytes()
    assert storage == predictor._last.values.numel() * 4
