"""Digg replies."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import torch

from graphkit.datasets import load

TEXT = b"% asym positive\n% 4 3 3\n1 2 1 30\n9 2 1 10\n2\t2 1\t20\n1 2 1 10\n"


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("out.munmun_digg_reply", "plain"),
        ("out.munmun_digg_reply.gz", "gz"),
        ("download.tsv.munmun_digg_reply.tar.bz2", "tar.bz2"),
        ("download.tsv.munmun_digg_reply.tar.xz", "tar.xz"),
        ("download.tsv.munmun_digg_reply.tar", "tar"),
    ],
)
def test_small_file(tmp_path, pack, file, kind):
    (tmp_path / file).write_bytes(pack(kind, "out.munmun_digg_reply", TEXT))
    graph = load("digg", tmp_path)
    assert graph.src.tolist() == [2, 0, 1, 0]
    assert graph.dst.tolist() == [1, 1, 1, 1]
    assert graph.t.tolist() == [10, 10, 20, 30]
    assert graph.node_names.tolist() == [1, 2, 9]
    assert graph.edge_weight is None


@pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")
def test_weights_that_say_something_stay(tmp_path):
    (tmp_path / "out.munmun_digg_reply").write_bytes(b"1 2 1 30\n1 2 2 40\n")
    assert load("digg", tmp_path).edge_weight.tolist() == [1.0, 2.0]


def test_real_file(real):
    graph = real("digg")
    assert graph.num_events == 87_627
    assert graph.num_nodes == 30_398
    assert (graph.src == graph.dst).sum().item() == 1_424
    assert graph.t.dtype == torch.int64
    path = next(Path(os.environ["GRAPHKIT_DATA"]).rglob("out.munmun_digg_reply*"))
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    rows = [list(map(int, line.split())) for line in lines if not line.startswith("%")]
    assert rows != sorted(rows, key=lambda row: row[3])
    rows.sort(key=lambda row: row[3])
    assert graph.t.tolist() == [row[3] for row in rows]
    assert graph.node_names[graph.src.numpy()].tolist() == [row[0] for row in rows]
    assert graph.node_names[graph.dst.numpy()].tolist() == [row[1] for row in rows]
