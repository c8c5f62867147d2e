"""METR-LA and PEMS-BAY: files in the layout that pandas and DCRNN wrote, and the real graph."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.datasets import load
from graphkit.datasets.metr_la import _read_graph
from graphkit.errors import DatasetNotFoundError, GraphError, MissingPackageError

pytestmark = pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
FILES = {"metr_la": ("metr-la.h5", "adj_mx.pkl"), "pems_bay": ("pems-bay.h5", "adj_mx_bay.pkl")}
MATRIX = np.array([[1, 0.5, 0], [0, 1, 0.25], [0.75, 0, 1]], dtype=np.float32)


def write(folder, name, ids=("11", "22", "33"), group="df", **changes):
    h5py = pytest.importorskip("h5py")
    speed, graph = FILES[name]
    values = np.arange(12.0).reshape(4, 3) + 50
    values[2, 1] = 0
    start = int(np.datetime64("2012-03-01", "ns").astype(np.int64))
    with h5py.File(folder / speed, "w") as file:
        frame = file.create_group(group)
        parts = {
            "axis0": np.array([b"11", b"22", b"33"]),
            "axis1": start + 300 * 10**9 * np.arange(4),
            "block0_values": values,
        } | changes
        for key, value in parts.items():
            if value is not None:
                frame[key] = value
    numbers = {i: n for n, i in enumerate(ids)}
    (folder / graph).write_bytes(pickle.dumps([list(ids), numbers, MATRIX], protocol=2))
    return values


@pytest.mark.parametrize("name", FILES)
def test_small_files(tmp_path, name):
    values = write(tmp_path, name, group="speed" if name == "pems_bay" else "df")
    graph = load(name, tmp_path, download=False)
    assert torch.equal(graph.signal[..., 0], torch.tensor(values).float())
    assert graph.signal_t.diff().tolist() == [300] * 3
    assert (~graph.signal_mask).nonzero().tolist() == [[2, 1, 0]]
    assert graph.node_names.tolist() == ["11", "22", "33"]
    edges = set(zip(graph.src.tolist(), graph.dst.tolist(), graph.edge_weight.tolist()))
    assert edges == {(0, 1, 0.5), (1, 2, 0.25), (2, 0, 0.75)}
    assert load(name, tmp_path, download=False, missing_zeros=False).signal_mask is None


def test_another_order_of_sensors(tmp_path):
    write(tmp_path, "metr_la", ids=("33", "11", "22"))
    graph = load("metr_la", tmp_path, download=False)
    edges = set(zip(graph.src.tolist(), graph.dst.tolist(), graph.edge_weight.tolist()))
    assert edges == {(2, 0, 0.5), (0, 1, 0.25), (1, 2, 0.75)}
    write(tmp_path, "metr_la", ids=("33", "11", "44"))
    with pytest.raises(GraphError, match=r"not in the graph.*got 22"):
        load("metr_la", tmp_path, download=False)


def test_broken_files(tmp_path, no_data):
    write(tmp_path, "metr_la", block0_values=None)
    with pytest.raises(GraphError, match="cannot be read"):
        load("metr_la", tmp_path, download=False)
    write(tmp_path, "metr_la", block0_values=np.zeros((2, 3)))
    with pytest.raises(GraphError, match="another shape"):
        load("metr_la", tmp_path, download=False)
    (tmp_path / "metr-la.h5").write_bytes(b"no HDF5")
    with pytest.raises(GraphError, match="cannot be read"):
        load("metr_la", tmp_path, download=False)
    (tmp_path / "metr-la.h5").unlink()
    with pytest.raises(DatasetNotFoundError, match="no address to download it from"):
        load("metr_la", tmp_path)


def test_a_pickle_cannot_call_anything(tmp_path):
    marker = tmp_path / "called"
    (tmp_path / "adj_mx.pkl").write_bytes(f"cos\nsystem\n(S'touch {marker}'\ntR.".encode())
    with pytest.raises(GraphError, match="has no place in this file"):
        _read_graph(tmp_path / "adj_mx.pkl")
    assert not marker.exists()


def test_without_h5py(tmp_path, monkeypatch):
    (tmp_path / "metr-la.h5").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPackageError, match="h5"):
        load("metr_la", tmp_path, download=False)


def test_real_graph(graphkit_data: Path):
    found = next(graphkit_data.rglob("adj_mx.pkl.gz"), None)
    if found is None:
        pytest.skip("no adj_mx.pkl below GRAPHKIT_DATA")
    ids, adjacency = _read_graph(found)
    assert len(ids) == 207
    assert adjacency.shape == (207, 207)
    assert int((adjacency != 0).sum()) == 1722
    assert float(adjacency.diagonal().min()) == 1.0
