"""JHMDB as DD-Net ships it: real files where they are, written ones, broken and hostile ones."""

import gzip
import pickle

import numpy as np
import pytest
import torch

from graphkit.data.given_split import GivenSplit
from graphkit.data.whole_recordings import WholeRecordings
from graphkit.datasets import load
from graphkit.datasets.jhmdb import BONES, CLASSES, JOINTS
from graphkit.errors import DatasetNotFoundError, GraphError


def clips(count, seed, low=4, high=9):
    draw = np.random.default_rng(seed)
    lengths = draw.integers(low, high, size=count)
    return {
        "pose": [draw.normal(size=(n, 15, 2)) for n in lengths],
        "label": [CLASSES[i % len(CLASSES)] for i in range(count)],
    }


def write(folder, train, test, pack=False):
    for name, content in (("train", train), ("test", test)):
        raw = pickle.dumps(content, protocol=4)
        path = folder / f"GT_{name}_1.pkl{'.gz' * pack}"
        path.write_bytes(gzip.compress(raw) if pack else raw)


def test_real_files(real):
    graph = real("jhmdb")
    assert graph.signal.shape == (21_126, 15, 2)
    assert graph.num_recordings == 609
    assert graph.recordings["split"].tolist() == ["train"] * 433 + ["test"] * 176
    assert graph.recordings["y"].bincount().tolist() == [
        48, 44, 42, 39, 40, 55, 55, 42, 40, 39, 36, 46, 41, 42,
    ]  # fmt: skip
    lengths = WholeRecordings(graph).lengths
    assert (int(lengths.min()), int(lengths.max())) == (15, 40)


@pytest.mark.filterwarnings("ignore:.*not the published file")
@pytest.mark.parametrize("pack", [False, True])
def test_written_files(tmp_path, pack):
    train, test = clips(30, 0), clips(15, 1)
    write(tmp_path, train, test, pack)
    graph = load("jhmdb", tmp_path)
    assert graph.node_names.tolist() == list(JOINTS)
    assert graph.num_events == 2 * len(BONES)
    pairs = set(zip(graph.src.tolist(), graph.dst.tolist()))
    assert pairs == {*BONES, *((b, a) for a, b in BONES)}
    both = train["pose"] + test["pose"]
    assert graph.num_recordings == 45
    for recording in (0, 17, 44):
        mine = graph.signal[graph.signal_recording == recording]
        assert torch.equal(mine, torch.tensor(both[recording], dtype=torch.float32))
    assert [CLASSES[y] for y in graph.recordings["y"].tolist()] == train["label"] + test["label"]
    x, seen = WholeRecordings(graph)[[3, 0]]
    for row, recording in enumerate((3, 0)):
        n = len(both[recording])
        assert torch.equal(x[row, :n], torch.tensor(both[recording], dtype=torch.float32))
        assert seen[row, :n].all()
        assert not seen[row, n:].any()
        assert not x[row, n:].any()
    split = GivenSplit(val=0.5, seed=3).split(WholeRecordings(graph))
    assert split.test.tolist() == list(range(30, 45))
    assert sorted(split.train.tolist() + split.val.tolist()) == list(range(30))
    y = graph.recordings["y"]
    assert y[split.val].bincount(minlength=14).tolist() == [
        round(0.5 * n) for n in y[:30].bincount(minlength=14).tolist()
    ]
    assert (
        split.val.tolist() != GivenSplit(val=0.5, seed=4).split(WholeRecordings(graph)).val.tolist()
    )


def test_another_size_is_said(tmp_path):
    write(tmp_path, clips(3, 0), clips(2, 1))
    with pytest.warns(UserWarning, match="expected 433 clips; got 3"):
        load("jhmdb", tmp_path)
    with pytest.raises(GraphError, match="not the published file"):
        load("jhmdb", tmp_path, strict=True)


class Hostile:
    def __reduce__(self):
        return (print, ("hacked",))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda c: c["pose"].pop(), "differ in number"),
        (lambda c: c["pose"].__setitem__(1, np.zeros((4, 14, 2))), "row 1: not a clip"),
        (lambda c: c["pose"].__setitem__(2, np.full((4, 15, 2), np.nan)), "row 2.*not finite"),
        (lambda c: c["label"].__setitem__(0, "swim"), "row 0: an unknown action"),
        (lambda c: c.pop("label"), "not a file of DD-Net"),
        (lambda c: c.__setitem__("more", Hostile()), "cannot be read .*has no place"),
    ],
)
def test_broken_files(tmp_path, break_it, message):
    train = clips(3, 0)
    break_it(train)
    write(tmp_path, train, clips(2, 1))
    with pytest.raises(GraphError, match=message):
        load("jhmdb", tmp_path)


def test_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHKIT_DATA", str(tmp_path))
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DatasetNotFoundError, match="GT_train_1"):
        load("jhmdb", download=False)
