"""Every registered classifier of signals: opened elsewhere, it answers as ``evaluate`` does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphkit import TemporalGraph, registry
from graphkit.data.recording_splits import RecordingSplit
from graphkit.data.window_splits import BlockSplit
from graphkit.datasets.eeg_twin import eeg_twin
from graphkit.tasks import RecordingClassification, WindowClassification
from graphkit.testing.predictor import check_predictor

WINDOWS = registry.entries("model", view="signal", tasks="window_classification")
RECORDINGS = registry.entries("model", view="signal", tasks="recording_classification")


def eeg(missing: float = 0.0) -> TemporalGraph:
    graph = eeg_twin(2, 4, num_classes=2, seconds=2.5)
    draw = torch.Generator().manual_seed(0)
    signal = graph.signal.clone()
    signal[torch.rand(signal.shape, generator=draw) < missing] = torch.nan
    return TemporalGraph(
        [], [], [], node_names=graph.node_names, signal=signal, signal_t=graph.signal_t,
        signal_recording=graph.signal_recording, time_unit="ns",
        recordings={"y": graph.recordings["y"], "clip": graph.recordings["clip"]},
        class_names={"recordings.y": ["calm", "alert"]},
    )  # fmt: skip


def windows(missing: float = 0.0, **options: object) -> WindowClassification:
    given = {"history": 32, "split": BlockSplit(4, 1), "vote": True, **options}
    return WindowClassification(eeg(missing), **given)


def clips(missing: bool = False) -> RecordingClassification:
    """Recordings of different lengths, two channels, and times in seconds."""
    draw = np.random.default_rng(2)
    lengths = draw.integers(9, 30, size=12)
    rows = int(lengths.sum())
    signal = draw.normal(size=(rows, 5, 2)).astype(np.float32)
    if missing:
        signal[draw.random(signal.shape) < 0.1] = np.nan
    graph = TemporalGraph(
        [], [], [], node_names=["hip", "knee", "foot", "hand", "head"], signal=signal,
        signal_recording=np.repeat(np.arange(12), lengths), column_names={"signal": ["x", "y"]},
        recordings={"y": np.arange(12) % 3, "split": ["train"] * 6 + ["val"] * 3 + ["test"] * 3},
    )  # fmt: skip
    return RecordingClassification(graph)


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("entry", WINDOWS, ids=lambda entry: entry.name)
def test_every_model_of_windows(entry: registry.Entry, missing: float) -> None:
    asked = windows(missing, scaler="standard" if missing else "window")
    check_predictor(entry.make.from_task(asked), asked, separate_process=False)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("entry", RECORDINGS, ids=lambda entry: entry.name)
def test_every_model_of_recordings(entry: registry.Entry, missing: bool) -> None:
    asked = clips(missing)
    check_predictor(
        entry.make.from_task(asked), asked, batch_size=2, separate_process=False, tolerance=1e-5
    )


@pytest.mark.parametrize(
    "options",
    [
        {"split": RecordingSplit("clip", test=[1], val=[2])},
        {"eval_stride": 11, "split": BlockSplit(3, 1)},
        {"scaler": "maxabs", "scale_per": "channel"},
    ],
    ids=str,
)
def test_options_of_the_task(options: dict) -> None:
    asked = windows(**options)
    check_predictor(registry.get("model", "eegnet").from_task(asked), asked, separate_process=False)


def test_in_a_fresh_process() -> None:
    asked = windows()
    check_predictor(registry.get("model", "csp_lda").from_task(asked), asked)


def test_a_scale_for_each_recording_is_refused_by_name() -> None:
    asked = windows(scaler="standard", scale_per="recording")
    model = registry.get("model", "csp_lda").from_task(asked)
    with pytest.raises(Exception, match="scale_per='recording' has no scale for a recording"):
        check_predictor(model, asked, separate_process=False)
