"""The predictors of windows and of recordings against cuts by hand, and what they refuse."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from graphkit import TemporalGraph
from graphkit.data.window_splits import BlockSplit
from graphkit.engine.predictor import Predictor, RecordingPredictor, WindowPredictor
from graphkit.errors import GraphError
from graphkit.models.signal import EEGNet, SequenceClassifier
from graphkit.tasks import RecordingClassification, WindowClassification

NAMES, HISTORY = ["Fz", "Cz", "Pz"], 16
CLASSES = ["rest", "move"]


class Power(nn.Module):
    """Logits: the mean square of what was observed, and the first reading of the first node."""

    kind = "classify"

    def forward(self, x, covariates=None, mask=None):
        assert covariates is None
        mask = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        power = (x.square() * mask).flatten(1).sum(1) / mask.flatten(1).sum(1)
        return torch.stack([power, x[:, 0, 0, 0]], dim=1)


def graph(rows=(40, 33, 10, 64), missing=False, seed=0, step=4, unit="ms", **more):
    draw = np.random.default_rng(seed)
    signal = draw.normal(size=(sum(rows), 3, 1)).astype(np.float32) * 4 + 1
    if missing:
        signal[draw.random(signal.shape) < 0.15] = np.nan
    recording = np.repeat(np.arange(len(rows)), rows)
    t = (np.arange(sum(rows)) + 1000 * recording) * step  # recordings lie apart
    labels = {"y": np.arange(len(rows)) % 2, "split": (["train", "val", "test"] * 9)[: len(rows)]}
    return TemporalGraph(
        [], [], [], node_names=NAMES, signal=signal, signal_t=t, signal_recording=recording,
        time_unit=unit, recordings=labels, class_names={"recordings.y": CLASSES}, **more,
    )  # fmt: skip


def build(model=None, rows=(100,) * 4, missing=False, fill="interpolate", **options):
    given = {"history": HISTORY, "split": BlockSplit(4, 1), "eval_stride": 5, **options}
    given["missing"] = fill
    task = WindowClassification(graph(rows, missing), **given)
    return Predictor(Power() if model is None else model, task), task


def frame_of(g, number):
    rows = (g.signal_recording == number).numpy()
    frame = pd.DataFrame(g.signal[rows, :, 0].numpy(), index=g.signal_t[rows].numpy())
    if g.signal_mask is not None:
        frame = frame.where(g.signal_mask[rows, :, 0].numpy())
    return frame.set_axis(NAMES, axis=1)


def scaled(x):
    x = x - x.mean(0)
    return x / np.sqrt(np.square(x).mean())


def share_of_rest(x, mask=None):
    x = x if mask is None else np.where(mask, x, 0)
    power = np.square(x).sum() / (x.size if mask is None else mask.sum())
    return 1 / (1 + np.exp(x[0, 0] - power))


# ------------------------------------------------------------------ windows
def test_windows_of_other_recordings():
    predictor, _ = build()
    assert isinstance(predictor, WindowPredictor)
    assert (predictor.history, predictor.stride) == (HISTORY, 5)
    predictor.batch_size = 3
    g = graph((40, 33, 64), seed=7)
    found = predictor.predict(g)
    assert found.columns.tolist() == ["recording", "start", "class", *CLASSES]
    row = 0
    for number in range(3):
        frame = frame_of(g, number)
        alone = predictor.predict(frame[["Pz", "Fz", "Cz"]])
        for at, start in enumerate(range(0, len(frame) - HISTORY + 1, 5)):
            want = share_of_rest(scaled(frame.to_numpy()[start : start + HISTORY]))
            assert found.loc[row, "rest"] == pytest.approx(want, rel=1e-5)
            assert found.loc[row, "rest"] + found.loc[row, "move"] == pytest.approx(1)
            assert found.loc[row, "recording"] == number
            assert found.loc[row, "start"] == frame.index[start]
            assert found.loc[row, "class"] == CLASSES[int(want < 0.5)]
            assert alone.loc[at, "rest"] == pytest.approx(want, rel=1e-5)
            row += 1
        assert (alone["recording"] == 0).all()
    assert row == len(found)


@pytest.mark.parametrize("scaler, per", [("standard", "node"), ("minmax", "channel")])
def test_scalers_of_training_and_missing_readings(scaler, per):
    predictor, task = build(missing=True, scaler=scaler, scale_per=per, fill="zero")
    g = graph((40,), missing=True, seed=3)
    found = predictor.predict(frame_of(g, 0))
    shift, scale = (v[0, :, 0].numpy() for v in (task.scaler.shift, task.scaler.scale))
    x = (g.signal[..., 0].numpy() - shift) / scale
    for at, start in enumerate(range(0, 40 - HISTORY + 1, 5)):
        rows = slice(start, start + HISTORY)
        want = share_of_rest(x[rows], g.signal_mask[rows, :, 0].numpy())
        assert found.loc[at, "rest"] == pytest.approx(want, rel=1e-4)


def test_votes():
    predictor, _ = build()
    g = graph((40, 16, 64), seed=9)
    windows, voted = predictor.predict(g), predictor.predict(g, vote=True)
    assert voted.columns.equals(windows.columns)
    assert voted["recording"].tolist() == [0, 1, 2]
    for row in voted.itertuples():
        mine = windows[windows["recording"] == row.recording]
        mean = np.log(mine[CLASSES].to_numpy()).mean(0)
        want = np.exp(mean) / np.exp(mean).sum()
        np.testing.assert_allclose(voted.loc[row.Index, CLASSES].to_numpy(float), want, rtol=1e-9)
        assert row.start == mine["start"].iloc[0]
        assert voted.loc[row.Index, "class"] == CLASSES[int(want.argmax())]


def test_a_vote_is_that_of_the_task():
    predictor, task = build(vote=True, split=BlockSplit(4, 1, within="signal"), rows=(100,) * 4)
    voted = predictor.predict(task.graph, vote=True)
    query = task.query(torch.arange(len(task.eval_windows)))
    metrics = task.metrics(task.score(predictor.model, query))
    right = voted["class"].to_numpy() == np.array(CLASSES)[task.labels.numpy()]
    assert metrics["vote_accuracy"] == pytest.approx(right.mean())
    true = voted[CLASSES].to_numpy()[np.arange(4), task.labels.numpy()]
    assert metrics["vote_log_likelihood"] == pytest.approx(np.log(true).mean())


def test_recordings_that_are_too_short():
    predictor, _ = build()
    with pytest.warns(UserWarning, match=r"2 of 3 recordings .* 16 rows and are left out: 0, 2"):
        found = predictor.predict(graph((10, 16, 15)))
    assert found["recording"].tolist() == [1]
    with pytest.raises(GraphError, match="too short for one window"):
        predictor.predict(graph((10, 15)))
    with pytest.raises(GraphError, match="there are no readings"):
        predictor.predict(frame_of(graph((20,)), 0).iloc[:0])


def test_times():
    predictor, _ = build()
    frame = frame_of(graph((40,), seed=1), 0)
    want = predictor.predict(frame)
    finer = frame.set_axis(frame.index * 1000)
    pd.testing.assert_frame_equal(predictor.predict(finer, time_unit="us"), want)
    untimed = predictor.predict(frame.reset_index(drop=True))
    assert untimed["start"].tolist() == list(range(0, 25, 5))
    pd.testing.assert_frame_equal(untimed[CLASSES], want[CLASSES])
    with pytest.raises(GraphError, match="'time', row 1: the rows lie further apart") as caught:
        predictor.predict(frame.set_axis(frame.index // 2))  # twice as fast
    assert caught.value.expected == "4 ticks after 0"
    with pytest.raises(GraphError, match="row 20: the rows lie further apart"):
        predictor.predict(frame.drop(index=frame.index[20]))
    with pytest.raises(GraphError, match="times of readings must increase"):
        predictor.predict(frame.iloc[::-1])
    dated = frame.set_axis(pd.date_range("2024-01-01", periods=40, freq="4ms"))
    with pytest.raises(GraphError, match="dates are given, but the graph's times are numbers"):
        predictor.predict(dated)


def test_what_does_not_fit():
    predictor, _ = build()
    frame = frame_of(graph((40,)), 0)
    with pytest.raises(GraphError, match="no column for the node 'Cz'"):
        predictor.predict(frame.drop(columns="Cz"))
    with pytest.raises(GraphError, match="belongs to no node"):
        predictor.predict(frame.assign(Oz=1.0))
    with pytest.raises(GraphError, match="are not numbers"):
        predictor.predict(frame.astype(str))
    with pytest.raises(GraphError, match="not a table of readings"):
        predictor.predict(frame.to_numpy())
    with pytest.warns(UserWarning, match="none was missing in training"):
        predictor.predict(frame.mask(frame > 5))
    with pytest.raises(GraphError, match="row 0: a logit is NaN"):
        Predictor(Broken(), build()[1]).predict(frame)
    for method in ("score", "recommend", "observe", "forecast", "embed", "close"):
        with pytest.raises(GraphError, match=r"expected predict\(\)"):
            getattr(predictor, method)()


class Broken(Power):
    def forward(self, x, covariates=None, mask=None):
        return super().forward(x) * torch.nan


def test_a_scale_for_each_recording():
    predictor, _ = build(scaler="standard", scale_per="recording")
    with pytest.raises(GraphError, match="no scale for a recording that the data of training lack"):
        predictor.predict(frame_of(graph((40,)), 0))
    with pytest.raises(GraphError, match="scale_per"):  # number 0 is not the recording of training
        predictor.predict(graph((40, 40)))


@pytest.mark.parametrize("scaler, per", [("window", "node"), ("standard", "node"), ("none", "all")])
@pytest.mark.parametrize("missing", [False, True])
def test_save_and_open(tmp_path: Path, scaler, per, missing):
    _, task = build(scaler=scaler, scale_per=per, missing=missing)
    predictor = Predictor(EEGNet.from_task(task, pool=(2, 2)).eval(), task)
    opened = Predictor.open(predictor.save(tmp_path / "p"))
    assert isinstance(opened, WindowPredictor)
    g = graph((40, 64), missing, seed=5)
    pd.testing.assert_frame_equal(opened.predict(g), predictor.predict(g))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened.predict(g.between(), vote=True)


# ------------------------------------------------------------------ recordings
def recordings(missing=False, names=True, **options):
    task = RecordingClassification(graph((12, 9, 20, 31, 7, 15), missing), **options)
    return Predictor(Power(), task, batch_size=2), task


@pytest.mark.parametrize("missing", [False, True])
def test_recordings_of_any_length(missing):
    predictor, _ = recordings(missing)
    assert isinstance(predictor, RecordingPredictor)
    g = graph((5, 40, 1, 17), missing, seed=4)
    found = predictor.predict(g)
    assert found.columns.tolist() == ["recording", "start", "class", *CLASSES]
    for number in range(4):
        frame = frame_of(g, number)
        there = frame.notna().to_numpy()
        want = share_of_rest(frame.fillna(0).to_numpy(), there)
        assert found.loc[number, "rest"] == pytest.approx(want, rel=1e-5)
        assert found.loc[number, "start"] == frame.index[0]
        alone = predictor.predict(frame[["Pz", "Cz", "Fz"]] if number != 2 else frame)
        pd.testing.assert_frame_equal(
            alone[CLASSES], found.loc[[number], CLASSES].reset_index(drop=True)
        )
    assert found["recording"].tolist() == [0, 1, 2, 3]


def test_recordings_that_do_not_fit():
    predictor, _ = recordings()
    frame = frame_of(graph((40,)), 0)
    with pytest.raises(GraphError, match="no column for the node 'Cz'"):
        predictor.predict(frame.drop(columns="Cz"))
    with pytest.raises(GraphError, match="the rows lie further apart or closer together"):
        predictor.predict(frame.set_axis(frame.index * 2))
    with pytest.warns(UserWarning, match="none was missing in training"):
        predictor.predict(frame.mask(frame > 5))
    with pytest.raises(TypeError, match="vote"):
        predictor.predict(frame, vote=True)
    with pytest.raises(GraphError, match=r"recording_classification' has no observe\(\)"):
        predictor.observe(frame)


def test_save_and_open_recordings(tmp_path: Path):
    _, task = recordings()
    predictor = Predictor(SequenceClassifier.from_task(task).eval(), task)
    opened = Predictor.open(predictor.save(tmp_path / "p"))
    assert isinstance(opened, RecordingPredictor)
    g = graph((40, 64, 3), seed=5)
    pd.testing.assert_frame_equal(opened.predict(g), predictor.predict(g))
