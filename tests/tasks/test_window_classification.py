"""Windows of labelled recordings: what is asked, how training draws, metrics, honest splits."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import graphkit
from graphkit.data import TemporalGraph
from graphkit.data.recording_splits import RecordingSplit
from graphkit.data.window_splits import BlockSplit, block_folds
from graphkit.engine import evaluate, fit, fit_many, seed_everything
from graphkit.errors import GraphError, UnknownNameError
from graphkit.metrics.ordinal import seq2hr, tri_p
from graphkit.nn.losses.ordinal import ordinal_loss
from graphkit.registry import get
from graphkit.tasks.answer import Answer
from graphkit.tasks.label_correction import modal_labels
from graphkit.tasks.window_classification import WindowClassification


@pytest.fixture(scope="module")
def twin() -> TemporalGraph:
    return graphkit.load("eeg_twin", num_subjects=3, num_clips=10, seconds=5, label_noise=0.3)


class Constant(torch.nn.Module):
    """Answers every window with the same logits."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(logits))

    def forward(self, x, covariates=None, mask=None):
        return self.logits.expand(len(x), -1)


def test_ten_folds_of_blocks_share_no_sample(twin):
    """Item 14: no training window touches a sample of a tested or validating block; the blocks
    that are tested are all blocks, once."""
    tested = torch.zeros(twin.signal.shape[0], dtype=torch.int64)
    block = (torch.arange(twin.signal.shape[0]) % 640) * 10 // 640
    for fold, split in enumerate(block_folds(10)):
        task = WindowClassification(twin, history=40, stride=1, eval_stride=8, split=split)
        rows = [
            w.covered(i)
            for w, i in zip((task.windows, task.eval_windows, task.eval_windows), task.index)
        ]
        assert set(block[rows[2]].tolist()) == {fold}
        assert set(block[rows[1]].tolist()) == {(fold - 1) % 10}
        assert set(block[rows[0]].tolist()) == set(range(10)) - {fold, (fold - 1) % 10}
        tested += (block == fold).long()
        assert len(task.index[2]) == 30 * 4  # (64 - 40) / 8 + 1 in each of 30 recordings
    assert bool((tested == 1).all())


def test_windows_have_the_labels_of_their_recordings(twin):
    task = WindowClassification(twin, history=128, split=RecordingSplit("subject", [1], [2]))
    for split, subject in (("val", 2), ("test", 1), ("train", 0)):
        seen = []
        for query in task.stream(split, 7):
            assert set(twin.recordings["subject"][query.recording].tolist()) == {subject}
            assert torch.equal(query.y, twin.recordings["y"][query.recording])
            seen.append(query)
        assert sum(map(len, seen)) == task.stream(split, 7).num_queries
    query = task.query(task.index[2][:3])
    raw = task.eval_windows[task.index[2][:3]].x
    centred = raw - raw.mean(1, keepdim=True)
    expected = centred / centred.flatten(1).std(1, unbiased=False).view(-1, 1, 1, 1)
    torch.testing.assert_close(query.x, expected)
    x, y = task.training_windows()
    assert len(x) == len(y) == len(task.index[0])


def test_a_fitted_scaler_knows_training_rows_only(twin):
    task = WindowClassification(
        twin, split=RecordingSplit("subject", [1], [2]), scaler="standard", scale_per="node"
    )
    mine = twin.recordings["subject"][twin.signal_recording] == 0
    mean = twin.signal[mine].double().mean(0, keepdim=True)
    torch.testing.assert_close(task.scaler.shift.double(), mean, atol=1e-5, rtol=1e-4)


def test_orders_and_draws(twin):
    plain = WindowClassification(twin, history=40, seed=3)
    first, second = (plain.stream("train", 8, epoch=e).index for e in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, plain.index[0])
    assert torch.equal(first, plain.stream("train", 8, epoch=0).index)
    some = WindowClassification(twin, history=40, windows_per_epoch=13)
    assert some.stream("train", 8).num_queries == 13
    many = WindowClassification(twin, history=40, windows_per_epoch=3 * len(plain.index[0]))
    counts = many.stream("train", 8).index.bincount()[plain.index[0]]
    assert counts.tolist() == [3] * len(plain.index[0])
    for split in ("val", "test"):  # no draws there
        assert torch.equal(plain.stream(split, 8, epoch=0).index, plain.stream(split, 8).index)


def test_balanced_draws():
    """Class 0 has one long recording, class 1 a long and a short one, class 2 does not occur."""
    recording = np.repeat([0, 1, 2], [400, 400, 40])
    graph = TemporalGraph(
        [], [], [], num_nodes=2, signal=np.zeros((840, 2, 1), dtype=np.float32),
        signal_recording=recording, recordings={"y": [0, 1, 1]},
    )  # fmt: skip
    task = WindowClassification(
        graph, history=4, stride=1, num_classes=3, balanced=True, windows_per_epoch=6000,
        split=BlockSplit(10, 0),
    )  # fmt: skip
    drawn = task.windows.recording[task.stream("train", 100).index].bincount() / 6000
    torch.testing.assert_close(drawn, torch.tensor([0.5, 0.25, 0.25]), atol=0.03, rtol=0)


def test_losses(twin):
    logits, y = torch.randn(9, 5), torch.randint(5, (9,))
    answer = Answer(logits, y)
    tasks = {
        kind: WindowClassification(twin, history=40, loss=kind, smoothing=0.7)
        for kind in ("cross_entropy", "ordinal", "earth_mover")
    }
    expected = F.cross_entropy(logits, y)
    torch.testing.assert_close(tasks["cross_entropy"].loss(answer, 9), expected)
    torch.testing.assert_close(tasks["ordinal"].loss(answer, 9), ordinal_loss(logits, y, 0.7))
    for task in tasks.values():  # recordings of a batch add up to the batch
        halves = task.loss(answer[:4], 9) + task.loss(answer[4:], 9)
        torch.testing.assert_close(halves, task.loss(answer, 9))
    weighted = WindowClassification(twin, history=40, class_weights=True)
    counts = weighted._y("train").bincount(minlength=5).float()
    expected = (F.cross_entropy(logits, y, reduction="none") * (counts.max() / counts)[y]).mean()
    torch.testing.assert_close(weighted.loss(answer, 9), expected)


def test_metrics_and_the_vote_of_a_recording(twin):
    task = WindowClassification(
        twin, history=64, split=RecordingSplit("subject", [1], [2]), vote=True
    )
    stream = task.stream("test", 16)
    logits = torch.randn(stream.num_queries, 5)
    y = torch.cat([q.y for q in stream])
    recording = task.eval_windows.recording[task.index[2]]
    assert torch.equal(recording, torch.cat([q.recording for q in stream]))
    found = task.metrics(Answer(logits, y, group=recording))
    assert found["seq2hr"] == seq2hr(logits, y)
    assert found["accuracy"] == pytest.approx(float((logits.argmax(1) == y).float().mean()))
    votes, truth = [], []
    for p in recording.unique():
        votes.append(logits[recording == p].double().log_softmax(1).mean(0))
        truth.append(int(twin.recordings["y"][p]))
    assert found["vote_tri_p"] == tri_p(torch.stack(votes), torch.tensor(truth))
    two = graphkit.load("eeg_twin", num_classes=2)
    model = Constant([0.0, 1.0])
    assert "seq2hr" not in evaluate(model, WindowClassification(two), progress=False)


def test_label_correction():
    """Item 15: the modal rating of the training people; whoever is tested plays no role."""
    subject, clip = torch.arange(15) // 3, torch.arange(15) % 3
    y = torch.tensor([0, 1, 2, 0, 1, 3, 1, 2, 3, 4, 4, 4, 4, 4, 4])
    train = torch.arange(9)  # subjects 0, 1, 2
    found = modal_labels(y, clip.tolist(), train)
    assert found.tolist() == [0, 1, 3] * 3 + [4] * 6
    changed = y.clone()
    changed[9:] = 0
    assert torch.equal(modal_labels(changed, clip.tolist(), train)[:9], found[:9])
    assert torch.equal(y[:3], torch.tensor([0, 1, 2]))
    graph = TemporalGraph(
        [], [], [], num_nodes=1, signal=torch.randn(150, 1, 1),
        signal_recording=torch.arange(150) // 10,
        recordings={"y": y, "clip": clip, "subject": subject},
    )  # fmt: skip
    task = WindowClassification(
        graph, history=5, split=RecordingSplit("subject", [4], [3]), correct_labels="clip"
    )
    assert set(task._y("train").tolist()) == {0, 1, 3}
    assert set(task._y("test").tolist()) == {4}
    assert set(task._y("val").tolist()) == {4}


def test_fit_reports_the_split(twin):
    task = WindowClassification(twin, split=BlockSplit(5, 1), history=64)
    model = get("model", "histn").from_task(task, kernel_size=5)
    result = fit(model, task, epochs=2, batch_size=64, lr=1e-2, progress=False, patience=None)
    assert result.protocol["split"]["name"] == "blocks"
    assert result.protocol["split"]["fold"] == 1
    assert "blocks split (num_blocks 5, fold 1" in result.protocol["summary"]
    assert {"seq2hr", "tri_p", "top2", "f1_weighted"} <= result.metrics["test"].keys()
    again = evaluate(model, task, batch_size=64)
    assert again == pytest.approx(result.metrics["test"])


def test_csp_lda_in_the_engine():
    twin = graphkit.load("eeg_twin", num_classes=2, num_subjects=3, num_clips=6)
    task = WindowClassification(twin, split=RecordingSplit("subject", [1], [2]))
    model = get("model", "csp_lda").from_task(task)
    result = fit(model, task, progress=False, batch_size=32)
    assert result.metrics["test"]["balanced_accuracy"] > 0.95


def test_many_at_once_give_what_each_gives_alone(twin):
    """Subjects and folds, whose validation recordings differ in size; one stops early."""
    splits = [
        RecordingSplit("subject", [0], [1]),
        RecordingSplit("subject", [1], [2]),
        BlockSplit(4, 2),
    ]
    tasks = [
        WindowClassification(
            twin, history=64, split=s, windows_per_epoch=100, seed=i, loss="ordinal"
        )
        for i, s in enumerate(splits)
    ]
    keys = {"epochs": 5, "batch_size": 40, "lr": 0.02, "patience": 2, "progress": False}

    def build(seed):
        seed_everything(seed)
        return get("model", "histn").from_task(tasks[0], kernel_size=9, dropout=0.3)

    seeds = [4, 5, 6]
    many = fit_many([build(s) for s in seeds], tasks, seeds=seeds, **keys)
    for seed, task, result in zip(seeds, tasks, many):
        alone = fit(build(seed), task, seed=seed, **keys)
        assert result.curves["best_epoch"] == alone.curves["best_epoch"]
        for split in ("val", "test"):
            for name, value in alone.metrics[split].items():
                assert result.metrics[split][name] == pytest.approx(value, abs=0.02), name
        losses = zip(result.curves["train_loss"], alone.curves["train_loss"], strict=True)
        assert all(a == pytest.approx(b, rel=1e-2) for a, b in losses)
        assert result.protocol == alone.protocol
    uneven = [WindowClassification(twin, history=64, split=s) for s in splits[1:]]
    with pytest.raises(GraphError, match="windows_per_epoch"):
        fit_many([build(0), build(1)], uneven, seeds=[0, 1], **keys)


def test_missing_readings(twin):
    signal = twin.signal.clone()
    signal[100:110, 3] = torch.nan
    graph = TemporalGraph(
        [], [], [], num_nodes=14, signal=signal, signal_recording=twin.signal_recording,
        recordings={"y": twin.recordings["y"]},
    )  # fmt: skip
    options = {"scaler": "standard", "history": 640, "stride": 640, "eval_stride": 640,
               "split": RecordingSplit("number", [1], [2])}  # fmt: skip
    task = WindowClassification(graph, missing="zero", **options)
    query = task.query(task.index[0][:1], "train")
    assert not bool(query.x_mask[0, 100:110, 3].any())
    assert bool((query.x[0, 100:110, 3] == 0).all())
    filled = WindowClassification(graph, **options)
    x = filled.query(filled.index[0][:1], "train").x[0, :, 3, 0]
    line = torch.linspace(float(x[99]), float(x[110]), 12)
    torch.testing.assert_close(x[99:111], line)
    with pytest.raises(GraphError, match="'signal', row 100: a reading is missing"):
        WindowClassification(graph, missing="raise", **options)


def test_refuses(twin):
    with pytest.raises(UnknownNameError):
        WindowClassification(twin, loss="hinge")
    with pytest.raises(UnknownNameError):
        WindowClassification(twin, selection="auc")
    with pytest.raises(UnknownNameError):
        WindowClassification(twin, history=40, label="mood")
    with pytest.raises(GraphError, match="out of range"):
        WindowClassification(twin, history=40, num_classes=3)
    with pytest.raises(GraphError, match="no vote"):
        WindowClassification(twin, history=40, selection="vote_accuracy")
    bare = TemporalGraph([], [], [], num_nodes=1, signal=torch.randn(900, 1, 1))
    with pytest.raises(GraphError, match="no recordings"):
        WindowClassification(bare, history=8)
    alike = TemporalGraph(
        [], [], [], num_nodes=14, signal=twin.signal, signal_recording=twin.signal_recording,
        recordings={"y": 0 * twin.recordings["y"]},
    )  # fmt: skip
    with pytest.raises(GraphError, match="one class only"):
        WindowClassification(alike, history=40, num_classes=2)


def test_votes_of_training_recordings_follow_the_order_of_their_windows(twin):
    """Training windows come shuffled: a vote is of the windows of a recording all the same."""
    task = WindowClassification(twin, history=64, stride=64, vote=True, seed=5)
    y = twin.recordings["y"]

    class Truth(torch.nn.Module):
        def forward(self, x, covariates=None, mask=None):
            return F.one_hot(y[self.recording], 5).float()

    model, answers = Truth(), []
    for query in task.stream("train", 50):
        model.recording = query.recording
        answers.append(task.score(model, query))
    assert task.metrics(answers, "train")["vote_accuracy"] == 1.0
