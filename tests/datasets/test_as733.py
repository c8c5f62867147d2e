"""AS-733: one graph per day."""

from __future__ import annotations

import io
import os
import tarfile
from datetime import datetime, timezone
from pathlib import Path

import pytest
import torch

from graphkit.datasets import load
from graphkit.errors import GraphError

small = pytest.mark.filterwarnings("ignore:.*not the published:UserWarning")

DAY_1 = [(1, 5), (5, 1), (3, 3), (5, 3), (3, 5)]
DAY_2 = [(900, 1), (1, 900)]


def day(rows: list[tuple[int, int]], *, half: int | None = None) -> bytes:
    nodes = len({node for row in rows for node in row})
    half = len(rows) // 2 if half is None else half
    body = "".join(f"{a}\t{b}\r\n" for a, b in rows)
    return (
        f"# Undirected graph\n# title\n# Nodes:{nodes}\tEdges: {half}\n# FromNodeId\tToNodeId\n"
        + body
    ).encode()


def archive(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def seconds(*date: int) -> int:
    return int(datetime(*date, tzinfo=timezone.utc).timestamp())


@small
@pytest.mark.parametrize("suffix", ["gz", "xz", "bz2"])
def test_small_archive(tmp_path, suffix):
    # members in any order, in a folder or not
    members = {"as-733/as19971110.txt": day(DAY_2), "as19971108.txt": day(DAY_1)}
    (tmp_path / f"as-733.tar.{suffix}").write_bytes(archive(members, f"w:{suffix}"))
    graph = load("as733", tmp_path)
    names = graph.node_names
    assert names.tolist() == [1, 3, 5, 900]
    edges = list(zip(names[graph.src.numpy()].tolist(), names[graph.dst.numpy()].tolist()))
    assert edges == [(1, 5), (3, 3), (3, 5), (1, 900)]
    assert graph.t.tolist() == [seconds(1997, 11, 8)] * 3 + [seconds(1997, 11, 10)]

    graph = load("as733", tmp_path, both_directions=True)
    edges = list(zip(names[graph.src.numpy()].tolist(), names[graph.dst.numpy()].tolist()))
    assert sorted(edges[:5]) == sorted(DAY_1)
    assert sorted(edges[5:]) == sorted(DAY_2)
    assert load("as733", tmp_path, self_loops=False).num_events == 3


@small
def test_day_that_is_cut_short_or_garbled(tmp_path):
    path = tmp_path / "as-733.tar.gz"
    path.write_bytes(archive({"as19971108.txt": day(DAY_1, half=9)}))
    with pytest.raises(GraphError, match=r"as19971108\.txt.*not what the header announces"):
        load("as733", tmp_path)
    path.write_bytes(archive({"as19971108.txt": day(DAY_1) + b"7\tx\n"}))
    with pytest.raises(GraphError, match="an integer") as caught:
        load("as733", tmp_path)
    assert caught.value.row == 10
    assert "as19971108.txt" in caught.value.column
    path.write_bytes(archive({"as1997.txt": day(DAY_1)}))
    with pytest.raises(GraphError, match="expected asYYYYMMDD"):
        load("as733", tmp_path)
    path.write_bytes(archive({"README": b"nothing"}))
    with pytest.raises(GraphError, match="no days"):
        load("as733", tmp_path)


@small
def test_archive_that_is_cut_short(tmp_path):
    text = b"".join(b"%d\t%d\n" % (i * i, i * 7 % 993) for i in range(5000))
    data = archive({"as19971108.txt": day(DAY_1), "as19971109.txt": text})
    (tmp_path / "as-733.tar.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(GraphError, match="ends early or is damaged") as caught:
        load("as733", tmp_path)
    assert caught.value.column == "as-733.tar.gz"


def test_real_archive(real):
    graph = real("as733")
    assert graph.num_nodes == 7_716
    days = torch.unique(graph.t)
    assert len(days) == 733
    assert days[0].item() == seconds(1997, 11, 8)
    assert days[-1].item() == seconds(2000, 1, 2)
    assert not (days % 86_400).any()
    last = graph.between(seconds(2000, 1, 2), seconds(2000, 1, 3))
    assert last.num_events == 13_895
    assert (last.src == last.dst).sum().item() == 1_323
    assert len(torch.unique(torch.cat([last.src, last.dst]))) == 6_474
    assert bool((graph.src <= graph.dst).all())

    # one day against a line-by-line reading
    path = next(Path(os.environ["GRAPHKIT_DATA"]).rglob("as-733.tar*"))
    with tarfile.open(path) as tar:
        member = next(m for m in tar if m.name.endswith("as19980101.txt"))
        lines = tar.extractfile(member).read().decode().splitlines()
    rows = [tuple(map(int, line.split())) for line in lines if not line.startswith("#")]
    expected = sorted({(min(row), max(row)) for row in rows})
    part = graph.between(seconds(1998, 1, 1), seconds(1998, 1, 2))
    names = graph.node_names
    got = zip(names[part.src.numpy()].tolist(), names[part.dst.numpy()].tolist())
    assert list(got) == expected
