"""Checkpoints on disk: what has changed by a bit is refused, and nothing else is raised."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit import LinkPrediction, fit, seed_everything
from graphkit.engine.checkpoint import Checkpoints
from graphkit.engine.sealed import load_sealed, save_sealed
from graphkit.errors import GraphError
from graphkit.files import held

CPU = {"device": "cpu", "progress": False, "threads": 1}
FIT = {"batch_size": 200, "lr": 0.02, "patience": None, "checkpoint_every": 2}


class Stop(Exception):
    """Ends a run inside a batch."""


def run(toy, folder, *, stop_after=None, seed=0, epochs=3, **settings):
    graph = toy.stream(seed=seed)
    seed_everything(3)
    model = toy.Toy(graph.num_nodes, dropout=0.4)
    if stop_after is not None:
        observe, count = model.observe, iter(range(stop_after))

        def counted(events):
            if next(count, None) is None:
                raise Stop
            observe(events)

        model.observe = counted
    options = {**FIT, "epochs": epochs, "checkpoint_dir": folder, **settings}
    return fit(model, LinkPrediction(graph, candidates=3), seed=3, **options, **CPU)


@pytest.fixture(scope="module")
def folder(toy, tmp_path_factory):
    """Checkpoints of a run that ended inside its second epoch, and their identity."""
    folder = tmp_path_factory.mktemp("checkpoints")
    with pytest.raises(Stop):
        run(toy, folder, stop_after=8)
    state = torch.load(folder / "last.pt", weights_only=True)
    assert (state["epoch"], state["batch"]) == (1, 2)
    assert sorted(p.name for p in folder.iterdir()) == ["best-0.pt", "last.pt"]
    return folder


def damages(data: bytes, seed: int):
    """One damaged copy after the other: bits, bytes, runs of zeros, ends cut off and added."""
    draw = np.random.default_rng(seed)
    size = len(data)
    tail = size - 90  # end of the archive and checksum: nothing else speaks for the rest
    places = [*draw.integers(0, size, 40), *range(tail, size, 3)]
    for place in map(int, places):
        yield f"bit at {place}", flipped(data, place, 1 << int(draw.integers(8)))
        yield f"byte at {place}", flipped(data, place, int(draw.integers(1, 256)))
        stop = place + int(draw.integers(1, 5000))
        yield f"zeros at {place}", data[:place] + bytes(len(data[place:stop])) + data[stop:]
        yield f"cut at {place}", data[:place]
        yield f"cut out at {place}", data[:place] + data[stop:]
    yield "more", data + b"\0"
    yield "more", data + data
    yield "nothing", b""
    yield "without its checksum", data[:-80]


def flipped(data: bytes, place: int, mask: int) -> bytes:
    return data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("name", ["last.pt", "best-0.pt"])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.nightly)])
def test_damage_is_refused_or_changes_nothing(folder, tmp_path, name, seed):
    identity = torch.load(folder / "last.pt", weights_only=True)["identity"]
    checkpoints = Checkpoints(tmp_path / "c", identity)
    shutil.copytree(folder, checkpoints.folder)
    whole = checkpoints.load("cpu")
    data, tried, refused = (folder / name).read_bytes(), 0, 0
    for what, damaged in damages(data, seed):
        if damaged == data:  # zeros where zeros were
            continue
        (checkpoints.folder / name).write_bytes(damaged)
        tried += 1
        said = ""
        try:
            found = checkpoints.load("cpu")
        except GraphError as error:
            said = str(error)
            refused += 1
        else:
            assert same(found, whole), what
        assert not said or name in said, what
    assert tried > 250
    assert refused > 0.99 * tried
    (checkpoints.folder / name).write_bytes(data)
    assert same(checkpoints.load("cpu"), whole)


def test_a_run_with_a_damaged_checkpoint_is_refused(toy, folder, tmp_path):
    expected = run(toy, None)
    shutil.copytree(folder, tmp_path / "c")
    data = bytearray((folder / "last.pt").read_bytes())
    place = data.index(b"data/0") + 2000  # inside the tensors
    data[place] ^= 64
    (tmp_path / "c" / "last.pt").write_bytes(data)
    with pytest.raises(GraphError, match=r"last\.pt cannot be read \(its content is not what"):
        run(toy, tmp_path / "c", resume=True)
    shutil.copy(folder / "last.pt", tmp_path / "c")
    resumed = run(toy, tmp_path / "c", resume=True)
    assert (resumed.metrics, resumed.curves) == (expected.metrics, expected.curves)


def test_a_best_file_of_another_moment_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "c")
    state, _ = load_sealed(folder / "best-0.pt", "cpu")
    state["head.1.bias"] += 1
    save_sealed(state, tmp_path / "c" / "best-0.pt")  # whole, and not the one
    identity = torch.load(folder / "last.pt", weights_only=True)["identity"]
    with pytest.raises(GraphError, match=r"best-0\.pt.*not the file that last\.pt names"):
        Checkpoints(tmp_path / "c", identity).load("cpu")


def older(folder: Path, target: Path) -> None:
    """The checkpoint as the version before wrote it."""
    target.mkdir()
    state = torch.load(folder / "last.pt", weights_only=True)
    del state["best_sha256"], state["identity"]["data"]
    state |= {"format": "graphkit.checkpoint/1", "random": state["random"][0]}
    torch.save(state, target / "last.pt")
    torch.save(torch.load(folder / "best-0.pt", weights_only=True), target / "best-0.pt")


def test_an_older_checkpoint_is_resumed_with_a_warning(toy, folder, tmp_path):
    expected = run(toy, None)
    older(folder, tmp_path / "c")
    with pytest.warns(UserWarning, match="without a checksum"):
        resumed = run(toy, tmp_path / "c", resume=True)
    assert (resumed.metrics, resumed.curves) == (expected.metrics, expected.curves)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it has been written anew
        run(toy, tmp_path / "c", resume=True)


@pytest.mark.filterwarnings("ignore:.*without a checksum:UserWarning")
@pytest.mark.parametrize("name", ["last.pt", "best-0.pt"])
def test_damage_of_an_older_checkpoint_is_no_traceback(folder, tmp_path, name):
    older(folder, tmp_path / "c")
    identity = torch.load(folder / "last.pt", weights_only=True)["identity"]
    checkpoints = Checkpoints(tmp_path / "c", identity)
    data = (tmp_path / "c" / name).read_bytes()
    for _, damaged in damages(data, 5):
        (tmp_path / "c" / name).write_bytes(damaged)
        said = name
        try:
            checkpoints.load("cpu")
        except GraphError as error:
            said = str(error)
        assert name in said


@pytest.mark.filterwarnings("ignore:.*without a checksum:UserWarning")
@pytest.mark.parametrize("key", ["optimizer", "random", "epoch", "clock", "selection", "model"])
@pytest.mark.parametrize("value", [None, 7, {}, "x"])
def test_an_older_checkpoint_of_a_wrong_structure_is_named(toy, folder, tmp_path, key, value):
    older(folder, tmp_path / "c")
    state = torch.load(tmp_path / "c" / "last.pt", weights_only=True)
    if (key, value) == ("epoch", 7):
        value = -1
    torch.save({**state, key: value}, tmp_path / "c" / "last.pt")
    with pytest.raises(GraphError, match=r"last\.pt is damaged|is of another model"):
        run(toy, tmp_path / "c", resume=True)


def test_other_data_of_the_same_size_are_refused(toy, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "c")
    with pytest.raises(GraphError, match=r"'data': the checkpoint .* made with other data"):
        run(toy, tmp_path / "c", seed=1, resume=True)


def test_a_folder_that_a_run_writes_to_is_refused(toy, tmp_path):
    with held(tmp_path / "c"), pytest.raises(GraphError, match="another run is writing to"):
        run(toy, tmp_path / "c", epochs=1)
    assert list((tmp_path / "c").iterdir()) == []
    run(toy, tmp_path / "c", epochs=1)


def test_what_killed_writers_left_is_swept(toy, tmp_path):
    left = tmp_path / f".{2**22 + 12345}-newabc.tmp-best-7.pt"
    left.write_bytes(b"half")
    run(toy, tmp_path, epochs=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best-0.pt", "last.pt"]
