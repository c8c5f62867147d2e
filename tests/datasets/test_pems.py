"""PEMS03 to 08: files in the official layout."""

import math

import numpy as np
import pytest
import torch

from graphkit.datasets import load
from graphkit.errors import GraphError, UnknownNameError

pytestmark = pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
CHANNELS = {"pems03": 1, "pems04": 3, "pems07": 1, "pems08": 3}


def write(folder, name, ids=(0, 1, 2), data=None):
    if data is None:
        data = np.random.default_rng(0).uniform(0, 300, size=(6, 3, CHANNELS[name]))
    np.savez(folder / f"{name.upper()}.npz", data=data)
    head = "from,to,distance" if name == "pems03" else "from,to,cost"
    pairs = [(0, 1, 100.0), (1, 2, 300.0), (0, 2, 200.0)]
    rows = [f"{ids[a]},{ids[b]},{d}" for a, b, d in pairs]
    (folder / f"{name.upper()}.csv").write_text("\n".join([head, *rows]))
    return data, pairs


@pytest.mark.parametrize("name", CHANNELS)
def test_small_files(tmp_path, name):
    ids = (317842, 318711, 315955) if name == "pems03" else (0, 1, 2)
    data, pairs = write(tmp_path, name, ids)
    if name == "pems03":
        (tmp_path / "PEMS03.txt").write_text("\n".join(map(str, ids)))
    graph = load(name, tmp_path, download=False)
    assert torch.equal(graph.signal, torch.tensor(data).float())
    assert graph.signal_t.diff().tolist() == [300] * 5
    sigma = np.std([100.0, 300.0, 200.0])
    want = {}
    for a, b, d in pairs:
        want[a, b] = want[b, a] = math.exp(-((d / sigma) ** 2))
    found = {(s, d): w for s, d, w in zip(graph.src.tolist(), graph.dst.tolist(),
                                         graph.edge_weight.tolist())}  # fmt: skip
    assert found == pytest.approx(want)
    one_way = load(name, tmp_path, download=False, directed=True, weights="distance")
    assert sorted(zip(one_way.src.tolist(), one_way.dst.tolist(), one_way.edge_weight.tolist())) \
        == sorted(pairs)  # fmt: skip
    assert set(load(name, tmp_path, download=False, weights="ones").edge_weight.tolist()) == {1.0}


def test_broken_files(tmp_path, no_data):
    write(tmp_path, "pems03", (7, 8, 9))
    with pytest.raises(GraphError, match="the list of numbers is not there"):
        load("pems03", tmp_path, download=False)
    (tmp_path / "PEMS03.txt").write_text("7 8 10")
    with pytest.raises(GraphError, match="does not list the sensors"):
        load("pems03", tmp_path, download=False)
    write(tmp_path, "pems08", data=np.zeros((4, 3)))
    with pytest.raises(GraphError, match="other axes"):
        load("pems08", tmp_path, download=False)
    np.savez(tmp_path / "PEMS08.npz", flow=np.zeros((4, 3, 1)))
    with pytest.raises(GraphError, match=r"PEMS08\.npz' holds no data"):
        load("pems08", tmp_path, download=False)
    np.savez(tmp_path / "PEMS08.npz", data=np.array([object()]), allow_pickle=True)
    with pytest.raises(GraphError, match="cannot be read"):
        load("pems08", tmp_path, download=False)
    write(tmp_path, "pems08")
    (tmp_path / "PEMS08.csv").write_text("a,b\n1,2\n")
    with pytest.raises(GraphError, match="not a table of pairs"):
        load("pems08", tmp_path, download=False)
    with pytest.raises(UnknownNameError, match="gaussian"):
        load("pems08", tmp_path, download=False, weights="gausian")
