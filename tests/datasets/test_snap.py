"""SNAP's temporal networks."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import torch

from graphkit.datasets import load
from graphkit.datasets.snap import SOURCES

pytestmark = pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")


def reference(text: str) -> tuple[list[int], list[int], list[int], list[int]]:
    """Line by line: ids in order of label, rows stably sorted by time."""
    rows = [[int(field) for field in line.split()] for line in text.splitlines()]
    names = sorted({label for src, dst, _ in rows for label in (src, dst)})
    number = {label: i for i, label in enumerate(names)}
    rows.sort(key=lambda row: row[2])
    return (
        [number[row[0]] for row in rows],
        [number[row[1]] for row in rows],
        [row[2] for row in rows],
        names,
    )


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
@pytest.mark.parametrize("kind", ["plain", "gz", "xz"])
def test_small_file(tmp_path, pack, source, kind):
    text = "7 3 50\n3 7 20\n900 3 20\n5 5 70\n"
    name = source.file.removesuffix(".gz") + {"plain": "", "gz": ".gz", "xz": ".xz"}[kind]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_bytes(pack(kind, "", text.encode()))
    graph = load(source.name, root=tmp_path, download=False)
    src, dst, t, names = reference(text)
    assert graph.src.tolist() == src == [0, 3, 2, 1]
    assert graph.dst.tolist() == dst
    assert graph.t.tolist() == t
    assert graph.node_names.tolist() == names
    assert graph.t.dtype == torch.int64
    assert str(graph.time_unit) == "s"
    assert graph.name == source.name


def test_collegemsg(real):
    graph = real("collegemsg")
    assert graph.num_events == 59_835
    assert graph.num_nodes == 1_899
    assert graph.t.dtype == torch.int64
    assert (graph.t[0].item(), graph.t[-1].item()) == (1082040961, 1098777142)
    assert (graph.t[-1] - graph.t[0]).item() // 86_400 == 193
    assert len(torch.unique(graph.src * 1_899 + graph.dst)) == 20_296
    assert not (graph.src == graph.dst).any()
    assert graph.node_names.tolist() == list(range(1, 1_900))
    path = next(Path(os.environ["GRAPHKIT_DATA"]).rglob("CollegeMsg.txt*"))
    src, dst, t, _ = reference(gzip.decompress(path.read_bytes()).decode())
    assert graph.src.tolist() == src
    assert graph.dst.tolist() == dst
    assert graph.t.tolist() == t
