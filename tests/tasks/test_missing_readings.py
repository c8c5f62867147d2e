"""Values under a mask are never read: not by a task, a model, an encoder or a predictor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import graphkit
from graphkit import (
    Predictor,
    RecordingClassification,
    TemporalGraph,
    WindowClassification,
    registry,
)
from graphkit.data.recording_splits import RecordingSplit
from graphkit.errors import GraphWarning
from graphkit.nn.norm.frame_norm import FrameNorm
from graphkit.nn.signal.skeleton import SkeletonFeatures

ROWS, N, CLIPS = 64, 6, 12
CLASSIFIERS = [
    (name, task)
    for task in ("window_classification", "recording_classification")
    for name in registry.names("model", view="signal", tasks=task)
]


def signals(garbage: float | None, seed: int = 0, share: float = 0.2, channels: int = 1) -> Any:
    """Recordings with missing readings: NaN, or values under a mask that say nothing."""
    draw = np.random.default_rng(seed)
    t = np.arange(ROWS)[:, None, None]
    clips = []
    for clip in range(CLIPS):
        speed = 0.3 if clip % 2 else 0.9
        wave = 50 + np.sin(speed * t + np.arange(N)[None, :, None] + np.arange(channels))
        wave[:, :3] += clip % 2
        clips.append(wave + 0.1 * draw.normal(size=wave.shape))
    signal = np.concatenate(clips)
    mask = draw.random((len(signal), N, 1)) >= share
    mask[ROWS : ROWS + 9, 2] = False  # a longer gap
    mask[5 * ROWS : 6 * ROWS, 4] = False  # a node without any reading in a recording
    full = np.broadcast_to(mask, signal.shape)
    if garbage is None:
        signal, mask = np.where(full, signal, np.nan), None
    else:
        signal = np.where(full, signal, garbage * draw.normal(size=signal.shape))
    return TemporalGraph(
        [], [], [], num_nodes=N, signal=signal.astype(np.float32), signal_mask=mask,
        signal_recording=np.arange(CLIPS).repeat(ROWS),
        recordings={"y": np.arange(CLIPS) % 2},
        node_names=["F3", "F4", "C3", "C4", "O1", "O2"], time_unit="step",
    )  # fmt: skip


def task_of(name: str, graph: TemporalGraph, **options: Any) -> Any:
    split = RecordingSplit("number", test=[8, 9, 10, 11], val=[6, 7])
    if name == "recording_classification":
        return RecordingClassification(graph, split=split, **options)
    return WindowClassification(graph, history=32, stride=16, split=split, **options)


@pytest.mark.parametrize("missing", ["interpolate", "zero"])
@pytest.mark.parametrize(("name", "kind"), CLASSIFIERS)
def test_values_under_a_mask_are_not_read(name: str, kind: str, missing: str) -> None:
    """NaN, or anything at all with a mask: the same training and the same answers, to the bit."""
    answers, metrics = [], []
    for garbage in (None, 0.0, 1e6):
        task = task_of(kind, signals(garbage), missing=missing)
        torch.manual_seed(0)
        model = registry.get("model", name).from_task(task)
        metrics.append(graphkit.fit(model, task, epochs=1, progress=False, device="cpu").metrics)
        predictor = Predictor(model, task)
        later = signals(garbage, seed=5)
        answers.append(predictor.predict(later))
        # The model itself, given values under the mask of a query.
        query = task.query(task.index[2][:3])
        model.eval()
        with torch.no_grad():
            clean = model(query.x, None, query.x_mask)
            dirty = torch.where(query.x_mask, query.x, torch.full_like(query.x, 77.0))
            torch.testing.assert_close(model(dirty, None, query.x_mask), clean, rtol=0, atol=0)
    for other in metrics[1:]:
        assert other == metrics[0]
    for other in answers[1:]:
        pd.testing.assert_frame_equal(other, answers[0])


@pytest.mark.parametrize("kind", ["raw", "skeleton"])
def test_a_missing_joint_is_no_joint_at_the_origin(kind: str) -> None:
    """Absent joints do not hide what a clip shows."""
    found = {}
    for name, share in (("whole", 0.0), ("holes", 0.3)):
        task = task_of("recording_classification", signals(None, share=share, channels=2))
        torch.manual_seed(0)
        model = registry.get("model", "sequence_classifier").from_task(
            task, features=kind, hidden_channels=16, dropout=0.0
        )
        result = graphkit.fit(
            model, task, epochs=30, patience=30, batch_size=4, lr=5e-3, progress=False,
            device="cpu", seed=0,
        )  # fmt: skip
        found[name] = result.metrics["test"]["accuracy"]
    assert found["holes"] == found["whole"] == 1.0


def test_features_of_a_skeleton_against_a_loop() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 4, 2, generator=draw)
    joints = torch.rand(2, 5, 4, generator=draw) < 0.7
    layer = SkeletonFeatures(4, 2)
    mask = joints[..., None].expand_as(x)
    found, there = layer(x, mask), layer.observed(mask)
    for b in range(2):
        sizes = []
        for t in range(5):
            apart = [float((x[b, t, i] - x[b, t, j]).square().sum().add(1e-12).sqrt())
                     for i in range(4) for j in range(i + 1, 4)
                     if joints[b, t, i] and joints[b, t, j]]  # fmt: skip
            sizes += [np.mean(apart)] if apart else []
        size = np.mean(sizes)
        for t in range(5):
            seen = [i for i in range(4) if joints[b, t, i]]
            centre = x[b, t, seen].mean(0) if seen else torch.zeros(2)
            row = []
            for i in range(4):
                row += ((x[b, t, i] - centre) / size).tolist() if i in seen else [0.0, 0.0]
            for i in range(4):
                for j in range(i + 1, 4):
                    both = i in seen and j in seen
                    row.append(float((x[b, t, i] - x[b, t, j]).norm()) / size if both else 0.0)
            for gap in (1, 2):
                for i in range(4):
                    both = t >= gap and i in seen and bool(joints[b, t - gap, i])
                    row += ((x[b, t, i] - x[b, t - gap, i]) / size).tolist() if both else [0.0, 0.0]
            np.testing.assert_allclose(found[b, t], row, atol=1e-4)
    assert bool((found[~there] == 0).all())
    whole = torch.ones(2, 5, 4, 2, dtype=torch.bool)
    torch.testing.assert_close(layer(x, whole), layer(x))
    assert torch.equal(layer(x, torch.ones(2, 5, dtype=torch.bool)), layer(x, whole))


@pytest.mark.parametrize("kind", ["batch", "row"])
def test_a_norm_of_channels_that_are_valid_at_frames_of_their_own(kind: str) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 7, generator=draw) * 5 + 2
    mask = torch.rand(x.shape, generator=draw) < 0.6
    norm = FrameNorm(3, kind)
    found = norm(x.masked_fill(~mask, 1e9), mask)
    for group in range(3 if kind == "batch" else 4):
        place = (slice(None), group) if kind == "batch" else (group,)
        valid = x[place][mask[place]].double()
        want = (valid - valid.mean()) / (valid.var(correction=0) + norm.eps).sqrt()
        torch.testing.assert_close(found[place][mask[place]].double(), want, rtol=1e-4, atol=1e-4)
    assert bool((found[~mask] == 0).all())
    if kind == "batch":
        mean = torch.stack([x[:, c][mask[:, c]].mean() for c in range(3)])
        variance = torch.stack([x[:, c][mask[:, c]].var() for c in range(3)])
        torch.testing.assert_close(norm.batch.running_mean, 0.1 * mean)
        torch.testing.assert_close(norm.batch.running_var, 0.9 + 0.1 * variance)
    frames = torch.rand(4, 7, generator=draw) < 0.7
    torch.testing.assert_close(
        norm(x, frames), norm(x, frames.unsqueeze(1).expand_as(x)), rtol=0, atol=0
    )


def test_windows_without_any_reading_are_named() -> None:
    graph = signals(None)
    signal = graph.signal.clone()
    signal[:ROWS] = torch.nan
    bare = TemporalGraph(
        [], [], [], num_nodes=N, signal=signal, signal_recording=graph.signal_recording,
        recordings={"y": graph.recordings["y"]}, time_unit="step",
    )  # fmt: skip
    with pytest.warns(GraphWarning, match="3 of 36 windows hold no reading"):
        task_of("window_classification", bare)
