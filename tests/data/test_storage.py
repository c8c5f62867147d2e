"""Graphs on disk: exact, mapped, and never half written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphkit
from graphkit import GraphError, TemporalGraph
from graphkit.data import storage

ROOT = str(Path(graphkit.__file__).parents[1])
Same = Callable[..., None]


@pytest.mark.parametrize("mmap", [True, False])
def test_every_part_comes_back(
    full: TemporalGraph, tmp_path: Path, assert_same: Same, mmap: bool
) -> None:
    full.save(tmp_path / "g")
    got = TemporalGraph.open(tmp_path / "g", mmap=mmap)
    assert_same(got, full)
    assert got.event_id.tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.equal(got.tables.edge_attr, full.edge_attr)
    assert got.csr.neighbor.tolist() == full.csr.neighbor.tolist()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["g"]


def test_without_options_or_events(tmp_path: Path, assert_same: Same) -> None:
    for i, g in enumerate(
        [
            TemporalGraph([0], [1], [0.5]),
            TemporalGraph([], [], [], signal=torch.zeros(2, 3, 1, dtype=torch.float16)),
            TemporalGraph([0, 1], [1, 0], [2, 1], edge_attr=torch.zeros(2, 0), time_unit="step"),
            TemporalGraph(
                [0], [1], [0], edge_attr=torch.tensor([[True]]), node_names=[(1 << 60), 2]
            ),
            TemporalGraph([0], [1], [0], node_names=["a", 7, 0.5][:2]),
        ]
    ):
        g.save(tmp_path / f"{i}")
        assert_same(TemporalGraph.open(tmp_path / f"{i}"), g)


def test_columns_are_mapped_and_views_share_the_map(full: TemporalGraph, tmp_path: Path) -> None:
    full.save(tmp_path / "g")
    got = TemporalGraph.open(tmp_path / "g")
    maps = Path("/proc/self/maps")
    if maps.exists():
        text = maps.read_text()
        for name in ("src", "t", "edge_attr", "event_id", "signal", "node_events.x"):
            assert f"{tmp_path}/g/{name}.npy" in text, name
    part = got[2:5]
    assert part.edge_attr.data_ptr() == got.edge_attr.data_ptr() + 2 * 3 * 4
    batch = next(iter(part.batches(size=2)))
    assert batch.edge_attr.data_ptr() == part.edge_attr.data_ptr()
    window = got.windows(2, 1)[1]
    assert window.x.data_ptr() == got.signal[1:].data_ptr()


def test_opening_reads_next_to_nothing(tmp_path: Path) -> None:
    rows = 200_000
    TemporalGraph(
        *(torch.zeros(rows, dtype=torch.int64), torch.ones(rows, dtype=torch.int64)),
        torch.arange(rows),
        edge_attr=torch.zeros(rows, 200),
    ).save(tmp_path / "g")  # 160 MB
    program = f"""
        import resource
        from graphkit import TemporalGraph
        TemporalGraph([0], [1], [0])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        g = TemporalGraph.open({str(tmp_path / "g")!r}, verify=False)
        assert len(g) == {rows}
        assert g.between(1000, 1200).edge_attr.sum() == 0
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    assert int(python(program)) < 20_000  # kB


def test_writing_into_a_mapped_column_does_not_change_the_file(
    full: TemporalGraph, tmp_path: Path, assert_same: Same
) -> None:
    full.save(tmp_path / "g")
    got = TemporalGraph.open(tmp_path / "g")
    got.edge_attr.zero_()
    assert_same(TemporalGraph.open(tmp_path / "g"), full)


def test_a_slice_is_written_as_a_graph_of_its_own(
    full: TemporalGraph, tmp_path: Path, assert_same: Same
) -> None:
    part = full.between(4, 30)
    part.save(tmp_path / "g")
    got = TemporalGraph.open(tmp_path / "g")
    assert_same(got, part)
    assert got.event_range == (0, len(part))
    assert os.path.getsize(tmp_path / "g" / "src.npy") < 128 + 8 * 6


def test_a_graph_can_replace_the_one_it_is_mapped_from(
    full: TemporalGraph, tmp_path: Path, assert_same: Same
) -> None:
    full.save(tmp_path / "g")
    opened = TemporalGraph.open(tmp_path / "g")
    opened[1:4].save(tmp_path / "g")
    assert_same(opened, full)
    assert_same(TemporalGraph.open(tmp_path / "g"), full[1:4])
    assert [p.name for p in tmp_path.iterdir()] == ["g"]


def test_a_failing_write_leaves_what_was_there(
    full: TemporalGraph, tmp_path: Path, assert_same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.save(tmp_path / "g")
    written = []

    def fail(path: Path, value: torch.Tensor) -> None:
        if len(written) == 3:
            raise OSError("No space left on device")
        written.append(path)
        np.save(path, value.numpy())

    monkeypatch.setattr(storage, "_write", fail)
    for name in ("g", "new"):
        written.clear()
        with pytest.raises(OSError, match="No space"):
            full[2:].save(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["g"]
    assert_same(TemporalGraph.open(tmp_path / "g"), full)


def test_a_killed_write_leaves_what_was_there(tmp_path: Path) -> None:
    program = f"""
        import numpy as np, sys, time, torch
        from graphkit import TemporalGraph
        from graphkit.data import storage
        def build(value):
            t = torch.arange(1000)
            return TemporalGraph(t % 7, t % 5, t, edge_attr=torch.full((1000, 50), value))
        build(1.0).save({str(tmp_path / "g")!r})
        def slow(path, value, write=storage._write):
            write(path, value)
            if path.stem == "edge_attr":
                print("half way", flush=True)
                time.sleep(60)
        storage._write = slow
        build(2.0).save({str(tmp_path / "g")!r})
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout.readline() == b"half way\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    left = [p.name for p in tmp_path.iterdir()]
    assert len(left) == 2
    assert all(name == "g" or name.startswith(".") for name in left)
    got = TemporalGraph.open(tmp_path / "g")
    assert torch.equal(got.edge_attr, torch.ones(1000, 50))


def test_something_else_is_not_overwritten(full: TemporalGraph, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("x")
    (tmp_path / "file").write_text("x")
    for name in ("thesis", "file"):
        with pytest.raises(GraphError, match="is there and is no graph"):
            full.save(tmp_path / name)
    assert (tmp_path / "thesis" / "chapter1.tex").exists()


def test_what_cannot_be_opened(full: TemporalGraph, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"there is no graph at .*Write one with g\.save"):
        TemporalGraph.open(tmp_path / "nothing")
    full.save(tmp_path / "g")
    facts = tmp_path / "g" / "graph.json"
    good = json.loads(facts.read_text())
    del good["sha256"]  # as an older version wrote it
    for broken, words in [
        ("{", "graph.json is damaged"),
        ("[]", "graph.json is damaged"),
        ("{}", "there is no graph"),
        (json.dumps(good | {"schema": "graphkit.graph/9"}), "got graphkit.graph/9"),
        (
            json.dumps(good | {"arrays": {"src": {"dtype": "int64", "shape": [7]}}}),
            r"expected int64 \[7\]; got int64 \[6\]",
        ),
    ]:
        facts.write_text(broken)
        with pytest.raises(GraphError, match=words):
            TemporalGraph.open(tmp_path / "g")
    facts.write_text(json.dumps(good))
    column = tmp_path / "g" / "edge_attr.npy"
    column.write_bytes(column.read_bytes()[:-20])
    for mmap in (True, False):
        with pytest.raises(GraphError, match=r"'edge_attr'.*missing or damaged"):
            TemporalGraph.open(tmp_path / "g", mmap=mmap)
    column.unlink()
    with pytest.raises(GraphError, match=r"'edge_attr'.*missing or damaged"):
        TemporalGraph.open(tmp_path / "g")


@pytest.mark.parametrize("labels", [[(1, 2), (3, 4)], [None, "a"], [True, "a"]])
def test_labels_that_cannot_be_written(labels: list, tmp_path: Path) -> None:
    names = np.empty(2, dtype=object)
    names[:] = labels
    g = TemporalGraph([0], [1], [0], node_names=names)
    with pytest.raises(GraphError, match="'node_names', row 0: this label cannot be written"):
        g.save(tmp_path / "g")
    assert not any(tmp_path.iterdir())


def python(program: str, **options: Any) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, cwd=ROOT, **options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_time_to_open_does_not_grow(tmp_path: Path) -> None:
    for rows in (10, 1_000_000):
        t = torch.arange(rows)
        TemporalGraph(t % 10, t % 9, t).save(tmp_path / str(rows))

    def seconds(rows: int) -> float:
        began = time.perf_counter()
        TemporalGraph.open(tmp_path / str(rows), verify=False)
        return time.perf_counter() - began

    spent = [min(seconds(rows) for _ in range(15)) for rows in (10, 1_000_000)]
    assert spent[1] < 5 * spent[0] + 1e-3
