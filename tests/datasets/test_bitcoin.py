"""Bitcoin OTC and Alpha."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import torch

from graphkit.datasets import load


def reference(text: str) -> list[tuple[int, int, int, float]]:
    """Rows as (source, target, rating, time), stably sorted by time."""
    rows = []
    for line in text.splitlines():
        source, target, rating, time = line.split(",")
        rows.append((int(source), int(target), int(rating), float(time)))
    return sorted(rows, key=lambda row: row[3])


def check(graph, rows) -> None:
    names = graph.node_names
    assert names[graph.src.numpy()].tolist() == [row[0] for row in rows]
    assert names[graph.dst.numpy()].tolist() == [row[1] for row in rows]
    assert graph.edge_weight.tolist() == [row[2] for row in rows]
    assert graph.edge_y.tolist() == [int(row[2] > 0) for row in rows]
    assert graph.t.tolist() == [row[3] for row in rows]
    assert graph.edge_weight.dtype == torch.float32
    assert graph.edge_y.dtype == torch.int64


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
@pytest.mark.parametrize(
    ("name", "file", "times", "dtype"),
    [
        ("bitcoin_otc", "soc-sign-bitcoinotc.csv", ("9.72836", "9.5", "3.25"), torch.float64),
        ("bitcoin_alpha", "soc-sign-bitcoinalpha.csv", ("9", "9", "3"), torch.int64),
    ],
)
def test_small_file(tmp_path, name, file, times, dtype):
    text = "".join(f"{row},{t}\n" for row, t in zip(("6,2,-10", "2,6005,4", "17,2,1"), times))
    (tmp_path / file).write_text(text)
    graph = load(name, tmp_path)
    check(graph, reference(text))
    assert graph.t.dtype == dtype
    assert graph.num_nodes == 4


@pytest.mark.parametrize(
    ("name", "file", "rows", "nodes", "dtype", "positive", "is_sorted", "last"),
    [
        ("bitcoin_otc", "bitcoinotc", 35_592, 5_881, torch.float64, 0.89, True, 6005),
        ("bitcoin_alpha", "bitcoinalpha", 24_186, 3_783, torch.int64, 0.936, False, 7604),
    ],
)
def test_real_file(real, name, file, rows, nodes, dtype, positive, is_sorted, last):
    graph = real(name)
    assert graph.num_events == rows
    assert graph.num_nodes == nodes
    assert graph.t.dtype == dtype
    assert (graph.edge_weight.min().item(), graph.edge_weight.max().item()) == (-10, 10)
    assert not (graph.edge_weight == 0).any()
    assert graph.edge_y.double().mean().item() == pytest.approx(positive, abs=0.011)
    assert (graph.node_names[0], graph.node_names[-1]) == (1, last)
    assert len(torch.unique(graph.src * nodes + graph.dst)) == rows  # every pair once
    path = next(Path(os.environ["GRAPHKIT_DATA"]).rglob(f"soc-sign-{file}.csv*"))
    text = gzip.decompress(path.read_bytes()).decode()
    times = [float(line.split(",")[3]) for line in text.splitlines()]
    assert (times == sorted(times)) is is_sorted
    check(graph, reference(text))


def test_otc_keeps_fractions(real):
    assert real("bitcoin_otc").t[0].item() == 1289241911.72836
