"""JODIE's user-item streams."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphkit.datasets import load
from graphkit.datasets.jodie import SOURCES
from graphkit.errors import DatasetNotFoundError, GraphError

HEADER = "user_id,item_id,timestamp,state_label,comma_separated_list_of_features\n"
small = pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")


def rows(num_events: int, num_features: int, seed: int = 0) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    users = [0, 1, 2, 3, 5, *rng.integers(6, size=num_events - 5).tolist()]
    items = [0, 1, 3, *rng.integers(4, size=num_events - 3).tolist()]
    times = np.sort(rng.integers(50, size=num_events)).tolist()
    labels = rng.integers(2, size=num_events).tolist()
    features = rng.integers(-64, 64, size=(num_events, num_features)) / 64
    return [
        [u, i, float(t), y, *f]
        for u, i, t, y, f in zip(users, items, times, labels, features.tolist())
    ]


def text_of(table: list[list[float]]) -> bytes:
    return (HEADER + "".join(",".join(map(str, row)) + "\n" for row in table)).encode()


def check(graph, table, num_features) -> None:
    users = sorted({row[0] for row in table})
    items = sorted({row[1] for row in table})
    assert graph.src.tolist() == [users.index(row[0]) for row in table]
    assert graph.dst.tolist() == [len(users) + items.index(row[1]) for row in table]
    assert graph.t.tolist() == [row[2] for row in table]
    assert graph.t.dtype == torch.int64
    assert graph.edge_y.tolist() == [row[3] for row in table]
    assert graph.edge_y.dtype == torch.int64
    assert graph.node_type.tolist() == [0] * len(users) + [1] * len(items)
    assert graph.node_names.tolist() == [f"user {u}" for u in users] + [f"item {i}" for i in items]
    if num_features:
        assert graph.edge_attr.dtype == torch.float32
        assert graph.edge_attr.tolist() == [row[4:] for row in table]
    else:
        assert graph.edge_attr is None


@small
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
@pytest.mark.parametrize("num_features", [0, 2, 172])
def test_small_file(tmp_path, source, num_features):
    table = rows(40, num_features)
    (tmp_path / source.file).write_bytes(text_of(table))
    check(load(source.name, tmp_path), table, num_features)
    check(load(source.name, tmp_path, features=False), table, 0)


@small
@pytest.mark.parametrize("kind", ["gz", "xz", "bz2"])
def test_compressed(tmp_path, pack, kind):
    table = rows(40, 4)
    (tmp_path / f"mooc.csv.{kind}").write_bytes(pack(kind, "", text_of(table)))
    check(load("mooc", tmp_path), table, 4)


@small
def test_which_file_is_taken(tmp_path, no_data):
    full, bare = rows(40, 3), rows(30, 0, seed=1)
    (tmp_path / "wikipedia_nofeat.csv").write_bytes(text_of(bare))
    check(load("wikipedia", tmp_path), bare, 0)
    with pytest.raises(DatasetNotFoundError, match=r"wikipedia\.csv \(plain"):
        load("wikipedia", tmp_path, features=True, download=False)
    (tmp_path / "wikipedia.csv").write_bytes(text_of(full))
    check(load("wikipedia", tmp_path), full, 3)
    check(load("wikipedia", tmp_path, features=True), full, 3)
    check(load("wikipedia", tmp_path, features=False), full, 0)


@small
def test_features_asked_for_and_absent(tmp_path):
    (tmp_path / "wikipedia.csv").write_bytes(text_of(rows(30, 0)))
    with pytest.raises(GraphError, match="no feature columns"):
        load("wikipedia", tmp_path, features=True)


@small
def test_fractions_of_seconds_stay(tmp_path):
    times = [0.0, 6.74200010299683, 9.108999967575073]
    body = "".join(f"{i},0,{t},0,0.5\n" for i, t in enumerate(times))
    (tmp_path / "reddit.csv").write_text(HEADER + body)
    graph = load("reddit", tmp_path)
    assert graph.t.dtype == torch.float64
    assert graph.t.tolist() == times


def test_wikipedia(real):
    graph = real("wikipedia")
    assert graph.num_events == 157_474
    assert graph.num_nodes == 9_227
    assert graph.node_type.bincount().tolist() == [8_227, 1_000]
    assert graph.src.max().item() == 8_226
    assert (graph.dst.min().item(), graph.dst.max().item()) == (8_227, 9_226)
    assert graph.edge_y.sum().item() == 217
    assert graph.t.dtype == torch.int64
    assert (graph.t[0].item(), graph.t[-1].item()) == (0, 2_678_373)
