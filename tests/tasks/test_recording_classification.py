"""Whole recordings as a task: batches, padding, random changes, metrics, a run."""

import math

import pytest
import torch

from graphkit import TemporalGraph
from graphkit.data.given_split import GivenSplit
from graphkit.data.recording_splits import RecordingSplit
from graphkit.data.whole_recordings import WholeRecordings
from graphkit.engine import fit
from graphkit.errors import GraphError, GraphWarning, UnknownNameError
from graphkit.models.signal import SequenceClassifier
from graphkit.tasks import RecordingClassification
from graphkit.tasks.answer import Answer


def sticks(clips=60, seed=0, classes=3, masked=False):
    """Five joints; the class says which of them swings."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(8, 20, (clips,), generator=draw)
    y = torch.arange(clips) % classes
    found = []
    for n, c in zip(lengths.tolist(), y.tolist()):
        x = 0.1 * torch.randn(n, 5, 2, generator=draw)
        phase = 6 * torch.rand(1, generator=draw)
        x[:, c, 0] += torch.sin(torch.arange(n) * 0.9 + phase)
        found.append(x)
    signal = torch.cat(found)
    return TemporalGraph(
        [0, 1, 2, 3],
        [1, 2, 3, 4],
        [0, 0, 0, 0],
        signal=signal,
        signal_recording=torch.arange(clips).repeat_interleave(lengths),
        signal_mask=torch.rand(signal.shape, generator=draw) < 0.9 if masked else None,
        recordings={"y": y, "split": ["test" if i % 4 == 3 else "train" for i in range(clips)]},
        time_unit="step",
        name="sticks",
    )


@pytest.mark.parametrize("masked", [False, True])
def test_every_recording_once_and_whole(masked):
    graph = sticks(masked=masked)
    task = RecordingClassification(graph, seed=1, missing="zero")
    for split in ("train", "val", "test"):
        seen = []
        for query in task.stream(split, 7, epoch=2).start():
            for row, recording in enumerate(query.recording.tolist()):
                mine = graph.signal_recording == recording
                x, n = graph.signal[mine], int(mine.sum())
                there = torch.ones_like(x, dtype=torch.bool)
                there = graph.signal_mask[mine] if masked else there
                assert torch.equal(query.x_mask[row, :n], there)
                assert torch.equal(query.x[row, :n], x.where(there, 0))
                assert not query.x_mask[row, n:].any()
                assert query.y[row] == graph.recordings["y"][recording]
                seen.append(recording)
        want = task.index[("train", "val", "test").index(split)].tolist()
        assert sorted(seen) == sorted(want)
        assert split == "train" or seen == want
    orders = [torch.cat([q.recording for q in task.stream("train", 9, epoch=e)]) for e in (0, 1)]
    assert not torch.equal(*orders)


def test_training_recordings_are_changed_and_others_are_not():
    graph = sticks()
    task = RecordingClassification(graph, stretch=0.5, mirror=True, noise=0.0, seed=1)
    index = task.index.train[:20]
    x, seen = task.recordings[index]
    query = task.query(index, "train", first=0, epoch=3)
    again = task.query(index, "train", first=0, epoch=3)
    assert torch.equal(query.x, again.x)
    assert not torch.equal(query.x, task.query(index, "train", first=0, epoch=4).x)
    turned = 0
    for row in range(20):
        whole = x[row][seen[row].all(-1).all(-1)]
        recording = query.x[row][query.x_mask[row].all(-1).all(-1)]
        n = len(recording)
        assert math.ceil(0.5 * len(whole)) <= n <= len(whole)
        flip = recording * torch.tensor([-1.0, 1.0])
        places = [
            (torch.equal(whole[s : s + n], recording), torch.equal(whole[s : s + n], flip))
            for s in range(len(whole) - n + 1)
        ]
        assert any(a or b for a, b in places)
        turned += any(b for _, b in places)
    assert 3 < turned < 17
    assert torch.equal(task.query(index, "val").x, x)
    noisy = RecordingClassification(graph, noise=0.1).query(index, "train")
    assert not noisy.x[~noisy.x_mask].any()
    assert (noisy.x - x)[noisy.x_mask].std().item() == pytest.approx(0.1, rel=0.1)


def test_loss_and_metrics_by_hand():
    task = RecordingClassification(sticks())
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0], [3.0, 1.0, 0.0]])
    y = torch.tensor([0, 2, 0])
    answer = Answer(logits, y)
    each = [-logits[i].log_softmax(0)[y[i]].item() for i in range(3)]
    recordings = task.loss(answer[:1], 3) + task.loss(answer[1:], 3)
    assert recordings.item() == pytest.approx(sum(each) / 3)
    found = task.metrics(answer)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["log_likelihood"] == pytest.approx(-sum(each) / 3)
    assert task.metrics(answer[:0]) == {}


def test_learns_which_joint_swings():
    task = RecordingClassification(sticks(clips=80))
    torch.manual_seed(0)
    model = SequenceClassifier.from_task(task, encoder="gru", hidden_channels=16, dropout=0.0)
    result = fit(
        model, task, epochs=10, batch_size=16, lr=0.02, patience=None, device="cpu", progress=False
    )
    assert result.metrics["test"]["accuracy"] > 0.9
    assert result.protocol["split"]["name"] == "given"


def test_splits_and_errors():
    graph = sticks()
    by_recordings = RecordingClassification(
        graph, split=RecordingSplit("number", test=0.2, val=0.2)
    )
    assert [len(i) for i in by_recordings.index] == [36, 12, 12]
    with pytest.raises(UnknownNameError, match="selection"):
        RecordingClassification(graph, selection="f1")
    with pytest.raises(GraphError, match="not a share"):
        RecordingClassification(graph, stretch=0)
    plain = TemporalGraph([0], [1], [0], signal=torch.zeros(4, 2, 1))
    with pytest.raises(GraphError, match="signal_recording"):
        RecordingClassification(plain)
    odd = TemporalGraph(
        [0], [1], [0], signal=torch.zeros(4, 2, 1), signal_recording=[0, 0, 1, 1],
        recordings={"y": [0, 1], "split": ["train", "dev"]},
    )  # fmt: skip
    with pytest.raises(GraphError, match=r"row 1: no kind of recording.*'dev'"):
        RecordingClassification(odd)
    with pytest.raises(GraphError, match="no recording is left"):
        GivenSplit(val=0.0).split(WholeRecordings(graph))


def test_rows_that_are_missing_are_named_filled_in_or_refused():
    graph = sticks()
    t = torch.arange(len(graph.signal_recording)) * 2
    first = int((graph.signal_recording == 0).sum())
    t[first - 2 :] += 6  # three rows are missing in recording 0
    given = {"signal": graph.signal, "signal_t": t, "signal_recording": graph.signal_recording,
             "recordings": dict(graph.recordings), "num_nodes": graph.num_nodes}  # fmt: skip
    broken = TemporalGraph([], [], [], **given)
    with pytest.warns(GraphWarning, match=f"1 places, first in row {first - 2} "):
        task = RecordingClassification(broken)
    assert int(task.recordings.lengths[0]) == first
    with pytest.raises(GraphError, match=f"row {first - 2}: the rows are not regular"):
        RecordingClassification(broken, gaps="raise")
    filled = RecordingClassification(broken, gaps="missing", missing="zero")
    assert int(filled.recordings.lengths[0]) == first + 3
    query = filled.query(torch.tensor([0]))
    assert query.x_mask[0, :, 0, 0].tolist() == [True] * (first - 2) + [False] * 3 + [True] * 2
    with pytest.raises(UnknownNameError, match="gaps"):
        RecordingClassification(broken, gaps="split")
