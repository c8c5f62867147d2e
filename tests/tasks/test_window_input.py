"""WindowInput against loops; made again from settings and tensors alone."""

import json

import pytest
import torch

from graphkit import TemporalGraph
from graphkit.data.recording_splits import RecordingSplit
from graphkit.data.window_splits import BlockSplit
from graphkit.errors import GraphError, UnknownNameError
from graphkit.tasks import RecordingClassification, WindowClassification
from graphkit.tasks.window_input import WindowInput


def build(missing=False):
    draw = torch.Generator().manual_seed(0)
    signal = torch.randn(240, 3, 2, generator=draw) * 4 + 1
    mask = torch.rand(signal.shape, generator=draw) < 0.8 if missing else None
    return TemporalGraph(
        [], [], [], num_nodes=3, signal=signal, signal_mask=mask,
        signal_recording=torch.arange(240) // 40,
        recordings={"y": [0, 1, 0, 1, 0, 1], "split": ["train"] * 4 + ["test"] * 2},
    )  # fmt: skip


@pytest.mark.parametrize("how", ["interpolate", "zero"])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    ("scaler", "per"),
    [("window", "node"), ("standard", "node"), ("minmax", "channel"), ("maxabs", "recording"),
     ("none", "all")],
)  # fmt: skip
def test_made_again_without_the_training_data(scaler, per, missing, how):
    graph = build(missing)
    task = WindowClassification(
        graph, history=8, scaler=scaler, scale_per=per, split=BlockSplit(5, 1), missing=how,
        max_gap=3,
    )  # fmt: skip
    again = WindowInput(**json.loads(json.dumps(task.input.settings())))
    again.load_state_dict(task.input.state_dict())
    numbers = task.index[2][:7]
    w, query = task.eval_windows[numbers], task.query(numbers)
    x, mask = again.prepare(
        w.x, w.x_mask if missing else None, task.eval_windows.recording[numbers]
    )
    assert torch.equal(x, query.x)
    assert (mask is None) == (not missing)
    assert again.scaler_name == task.identity()["scaler"]
    if missing:
        assert torch.equal(mask, query.x_mask)
        assert bool((x[~mask] == 0).all())
        assert torch.equal(mask, w.x_mask) == (how == "zero")


def test_a_window_is_scaled_by_itself():
    prepare, x = WindowInput(3, 2), torch.randn(4, 9, 3, 2) * 5 + 3
    found, _ = prepare.prepare(x, None)
    for row in range(4):
        for channel in range(2):
            readings = x[row, :, :, channel]
            centred = readings - readings.mean(0)
            want = centred / centred.square().mean().sqrt()
            torch.testing.assert_close(found[row, :, :, channel], want)
    assert prepare.prepare(x.short(), None)[0].dtype == torch.float32


def test_recordings_of_any_length():
    graph = build(missing=True)
    task = RecordingClassification(graph, split=RecordingSplit("number", [4], [5]))
    again = WindowInput(**json.loads(json.dumps(task.input.settings())))
    x, seen = task.recordings[task.index.test]
    assert torch.equal(again.prepare(x, seen)[0], task.query(task.index.test).x)
    assert again.prepare(x[:, :11], seen[:, :11])[0].shape[1] == 11


def test_what_is_refused():
    task = WindowClassification(
        build(),
        history=8,
        scaler="maxabs",
        scale_per="recording",
        split=RecordingSplit("number", [4], [5]),
    )
    x = torch.zeros(2, 8, 3, 2)
    task.input.prepare(x, None, torch.tensor([0, 5]))
    for recording in (None, torch.tensor([0, 6]), torch.tensor([-1, 0])):
        with pytest.raises(GraphError, match="no scale for a recording"):
            task.input.prepare(x, None, recording)
    with pytest.raises(GraphError, match=r"expected \[B, 8, 3, 2\]; got \[2, 7, 3, 2\]"):
        task.input.prepare(x[:, :7], None, torch.tensor([0, 1]))
    with pytest.raises(GraphError, match=r"expected \[B, T, 3, 2\]"):
        WindowInput(3, 2).prepare(x[:, :, :2], None)
    with pytest.raises(UnknownNameError, match="Did you mean 'window'"):
        WindowInput(3, 2, scaler="windw")
