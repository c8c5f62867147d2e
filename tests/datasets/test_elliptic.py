"""Elliptic: a generated twin of the three official files; every cell checked; broken files."""

import zipfile

import numpy as np
import pytest
import torch

from graphkit.datasets import load
from graphkit.errors import DatasetNotFoundError, GraphError

pytestmark = pytest.mark.filterwarnings("ignore:.*not the published data set")


@pytest.fixture
def twin(tmp_path):
    """Files as the official ones: ids without order, five features, one class unknown."""
    rng = np.random.default_rng(0)
    names = rng.permutation(10**6)[:12] + 10**8
    step = np.repeat([1, 2, 3], 4)
    x = rng.normal(size=(12, 5)).round(6)
    rows = [[n, s, *map(repr, map(float, r))] for n, s, r in zip(names, step, x)]
    write(tmp_path, "features", rows)
    pairs = [(0, 1), (1, 2), (5, 4), (8, 11), (11, 8), (5, 6)]
    write(tmp_path, "edgelist", [["txId1", "txId2"], *[[names[a], names[b]] for a, b in pairs]])
    given = ["unknown", "1", "2", "2", "1", "unknown"] * 2
    order = rng.permutation(12)
    write(tmp_path, "classes", [["txId", "class"], *[[names[i], given[i]] for i in order]])
    return tmp_path, names, step, x, pairs, given


def write(folder, part, rows):
    text = "\n".join(",".join(map(str, row)) for row in rows) + "\n"
    (folder / f"elliptic_txs_{part}.csv").write_text(text)


def test_every_cell(twin):
    folder, names, step, x, pairs, given = twin
    graph = load("elliptic", root=folder, download=False)
    assert graph.num_nodes == 12
    assert list(graph.node_names) == names.tolist()
    found = sorted(zip(graph.t.tolist(), graph.src.tolist(), graph.dst.tolist()))
    assert found == sorted((int(step[a]), a, b) for a, b in pairs)
    np.testing.assert_array_equal(graph.x.numpy(), x.astype(np.float32))
    meaning = {"1": 1, "2": 0, "unknown": -1}
    assert graph.y.tolist() == [meaning[g] for g in given]


def test_step_as_a_feature(twin):
    folder, _, step, x, *_ = twin
    graph = load("elliptic", root=folder, download=False, time_feature=True)
    assert graph.x.shape == (12, 6)
    assert graph.x[:, 0].tolist() == step.tolist()
    np.testing.assert_array_equal(graph.x[:, 1:].numpy(), x.astype(np.float32))


def test_zipped(twin):
    folder, *_ = twin
    plain = load("elliptic", root=folder, download=False)
    for path in list(folder.glob("*.csv")):
        with zipfile.ZipFile(f"{path}.zip", "w") as archive:
            archive.write(path, path.name)
        path.unlink()
    assert torch.equal(load("elliptic", root=folder, download=False).x, plain.x)


def test_size_is_checked(twin):
    with pytest.raises(GraphError, match="234355 edges"):
        load("elliptic", root=twin[0], download=False, strict=True)


def test_a_task_on_it(twin):
    from graphkit.tasks import SnapshotNodeClassification

    graph = load("elliptic", root=twin[0], download=False)
    options = {"every": 1, "history": 0, "train": 0.5, "val": 0.1, "features": "x"}
    task = SnapshotNodeClassification(graph, **options)
    assert task.in_channels == 5
    assert task.asked(0)[0].tolist() == [1, 2]
    assert task.asked(0)[2].tolist() == [1, 0]


@pytest.mark.parametrize("part", ["features", "edgelist", "classes"])
def test_missing_file(twin, part, monkeypatch, tmp_path_factory):
    folder = twin[0]
    monkeypatch.delenv("GRAPHKIT_DATA", raising=False)
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
    (folder / f"elliptic_txs_{part}.csv").unlink()
    with pytest.raises(DatasetNotFoundError) as caught:
        load("elliptic", root=folder, download=False)
    for needed in (f"elliptic_txs_{part}.csv", "https://data.pyg.org/datasets/elliptic/"):
        assert needed in str(caught.value)


@pytest.mark.parametrize(
    ("part", "rows", "told"),
    [
        ("features", [[1, 1]], "2 columns"),
        ("features", [[1, 1, 0.5], [1, 1, 0.5]], "each transaction once"),
        ("features", [[1, 1, "abc"]], "numbers"),
        ("edgelist", [["a", "b"], [1, 2]], "ids of elliptic_txs_features.csv"),
        ("classes", [["txId", "class"], [1, 3]], "class 1, 2 or unknown"),
    ],
)
def test_broken_files(twin, part, rows, told):
    write(twin[0], part, rows)
    with pytest.raises(GraphError, match=told) as caught:
        load("elliptic", root=twin[0], download=False)
    assert f"elliptic_txs_{part}.csv" in str(caught.value)


def test_edge_between_steps(twin):
    folder, names, *_ = twin
    write(folder, "edgelist", [["a", "b"], [names[0], names[5]]])
    with pytest.raises(GraphError, match="edges inside a step"):
        load("elliptic", root=folder, download=False)
