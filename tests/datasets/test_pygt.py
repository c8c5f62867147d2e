"""The small signals of PyG Temporal: real files against their own JSON, and broken ones."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.datasets import load
from graphkit.errors import GraphError

pytestmark = pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")


def raw(name):
    found = next(Path(os.environ["GRAPHKIT_DATA"]).rglob(f"{name}.json.gz"))
    with gzip.open(found) as file:
        return json.load(file)


def test_real_chickenpox(real):
    graph, record = real("chickenpox"), raw("chickenpox")
    np.testing.assert_allclose(graph.signal[..., 0], np.array(record["FX"]), rtol=1e-6)
    pairs = {tuple(p) for p in record["edges"] if p[0] != p[1]}
    assert set(zip(graph.src.tolist(), graph.dst.tolist())) == pairs
    assert all(graph.node_names[i] == name for name, i in record["node_ids"].items())
    assert graph.signal_t.diff().unique().tolist() == [7 * 86_400]


def test_real_covid(real):
    graph, record = real("england_covid"), raw("england_covid")
    np.testing.assert_allclose(graph.signal[..., 0], np.array(record["y"]), rtol=1e-6)
    for day in (0, 7, 60):
        today = graph.between(day, day + 1)
        found = sorted(zip(today.src.tolist(), today.dst.tolist(), today.edge_weight.tolist()))
        pairs = record["edge_mapping"]["edge_index"][str(day)]
        weight = record["edge_mapping"]["edge_weight"][str(day)]
        want = sorted((a, b, float(np.float32(w))) for (a, b), w in zip(pairs, weight))
        assert found == want


def test_real_pedalme(real):
    graph, record = real("pedalme_london"), raw("pedalme_london")
    np.testing.assert_allclose(graph.signal[..., 0], np.array(record["X"]), rtol=1e-6)
    assert graph.num_events == 15 * 14


def write(folder, name, record):
    (folder / f"{name}.json").write_text(json.dumps(record))


def test_small_files(tmp_path, no_data):
    write(tmp_path, "chickenpox", {"edges": [[0, 0], [0, 1]], "node_ids": {"B": 1, "A": 0},
                                   "FX": [[1, 2], [3, 4], [5, 6]]})  # fmt: skip
    graph = load("chickenpox", tmp_path, download=False)
    assert graph.signal[..., 0].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert (graph.src.tolist(), graph.dst.tolist()) == ([0], [1])
    assert graph.node_names.tolist() == ["A", "B"]
    covid = {"edge_mapping": {"edge_index": {"10": [[1, 0]], "2": [[0, 1], [1, 1]]},
                              "edge_weight": {"10": [3.0], "2": [1.0, 2.0]}},
             "y": [[1, 2]] * 11}  # fmt: skip
    write(tmp_path, "england_covid", covid)
    graph = load("england_covid", tmp_path, download=False)
    assert graph.t.tolist() == [2, 2, 10]
    assert graph.edge_weight.tolist() == [1, 2, 3]
    write(tmp_path, "pedalme_london", {"edges": [[0, 1], [1, 1]], "weights": [0.5, 1.0],
                                       "X": [[1, 2]]})  # fmt: skip
    graph = load("pedalme_london", tmp_path, download=False)
    assert graph.edge_weight.tolist() == [0.5]
    assert torch.equal(graph.signal, torch.tensor([[[1.0], [2.0]]]))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"edges": [[0, 1]]}, "JSON with edges, node_ids, FX"),
        ({"edges": [0, 1], "node_ids": {}, "FX": [[1]]}, "not a list of pairs"),
        ({"edges": [[0, 1]], "node_ids": {"a": 0, "b": 1}, "FX": [[1], [1, 2]]}, "no table"),
    ],
)
def test_broken_files(tmp_path, no_data, record, words):
    write(tmp_path, "chickenpox", record)
    with pytest.raises(GraphError, match=words):
        load("chickenpox", tmp_path, download=False)
    (tmp_path / "chickenpox.json").write_bytes(b"{")
    with pytest.raises(GraphError, match="cannot be read"):
        load("chickenpox", tmp_path, download=False)
