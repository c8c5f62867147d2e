"""Cora and CiteSeer: sizes, ids, labels and the public split; broken and hostile files."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.datasets import load
from graphkit.datasets.planetoid import PARTS, public_split
from graphkit.errors import DatasetNotFoundError, GraphError


@pytest.mark.parametrize(
    ("name", "nodes", "edges", "words", "classes", "unlabelled"),
    [("cora", 2708, 10_556, 1433, 7, 0), ("citeseer", 3327, 9_104, 3703, 6, 15)],
)
def test_real_files(real, name, nodes, edges, words, classes, unlabelled):
    graph = real(name)
    assert (graph.num_nodes, graph.num_events) == (nodes, edges)
    assert graph.is_static
    assert graph.x.shape == (nodes, words)
    assert int(graph.y.max()) + 1 == classes
    assert int((graph.y < 0).sum()) == unlabelled
    assert not bool(graph.x[graph.y < 0].any())
    keys = graph.src * nodes + graph.dst
    assert torch.equal(keys, keys.unique()), "an edge is there twice"
    assert torch.equal((graph.dst * nodes + graph.src).unique(), keys), "not symmetric"
    assert not bool((graph.src == graph.dst).any())
    train, val, test = public_split(graph)
    assert graph.y[train].bincount().tolist() == [20] * classes
    assert (len(val), len(test)) == (500, 1000)
    path = next(Path(os.environ["GRAPHKIT_DATA"]).rglob(f"ind.{name}.test.index"))
    assert test.tolist() == sorted(int(line) for line in path.read_text().split())


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
def test_node_ids_against_the_files(real):
    """The words and the neighbours of every paper, read by hand."""
    graph = real("cora")
    folder = next(Path(os.environ["GRAPHKIT_DATA"]).rglob("ind.cora.graph")).parent
    read = {
        part: pickle.loads((folder / f"ind.cora.{part}").read_bytes(), encoding="latin1")
        for part in ("allx", "tx", "ally", "ty", "graph")
    }
    order = [int(line) for line in (folder / "ind.cora.test.index").read_text().split()]
    for row in (0, 1, 777, 999):
        assert np.array_equal(graph.x[order[row]].numpy(), read["tx"][row].toarray()[0])
        assert int(graph.y[order[row]]) == read["ty"][row].argmax()
    for row in (0, 1000, 1707):
        assert np.array_equal(graph.x[row].numpy(), read["allx"][row].toarray()[0])
        assert int(graph.y[row]) == read["ally"][row].argmax()
    neighbours = {i: set() for i in range(2708)}
    for node, others in read["graph"].items():
        for other in others:
            if other != node:
                neighbours[node].add(other)
                neighbours[other].add(node)
    found = {i: set() for i in range(2708)}
    for s, t in zip(graph.src.tolist(), graph.dst.tolist()):
        found[s].add(t)
    assert found == neighbours


def copied(tmp_path, real):
    real("cora")
    folder = next(Path(os.environ["GRAPHKIT_DATA"]).rglob("ind.cora.graph")).parent
    for part in PARTS:
        shutil.copy(folder / f"ind.cora.{part}", tmp_path)
    return tmp_path


def test_broken_files(tmp_path, real, monkeypatch):
    folder = copied(tmp_path, real)
    assert load("cora", folder / "ind.cora.graph", download=False).num_nodes == 2708
    tx = (folder / "ind.cora.tx").read_bytes()
    (folder / "ind.cora.tx").write_bytes(tx[:1000])
    with pytest.raises(GraphError, match=r"ind\.cora\.tx.*cannot be read"):
        load("cora", folder, download=False)
    (folder / "ind.cora.tx").write_bytes(tx)
    (folder / "ind.cora.test.index").write_text("1708\n1709\n")
    with pytest.raises(GraphError, match=r"test\.index does not fit"):
        load("cora", folder, download=False)
    monkeypatch.delenv("GRAPHKIT_DATA")
    (folder / "ind.cora.y").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"ind\.cora\.y"):
        load("cora", folder, download=False)


def test_a_pickle_cannot_call_anything(tmp_path, real):
    folder = copied(tmp_path, real)
    marker = tmp_path / "called"
    (folder / "ind.cora.graph").write_bytes(
        f"cos\nsystem\n(S'touch {marker}'\ntR.".encode("latin1")
    )
    with pytest.raises(GraphError, match="has no place in this file"):
        load("cora", folder, download=False)
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
def test_another_version_warns(tmp_path, real):
    folder = copied(tmp_path, real)
    path = folder / "ind.cora.graph"
    links = pickle.loads(path.read_bytes(), encoding="latin1")
    links[0] = [*links[0], 1]
    path.write_bytes(pickle.dumps(links))
    assert load("cora", folder, download=False).num_events == 10_558
    with pytest.raises(GraphError, match="expected 10556 edges"):
        load("cora", folder, download=False, strict=True)
