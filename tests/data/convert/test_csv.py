"""CSV files to graphs and back."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphkit import GraphError, TemporalGraph

Same = Callable[..., None]


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "csv.xz", "csv.bz2"])
def test_exact_round_trip(
    events: TemporalGraph, tmp_path: Path, assert_same: Same, suffix: str
) -> None:
    path = tmp_path / f"g.{suffix}"
    events.to_csv(path, meta=True)
    assert_same(TemporalGraph.from_csv(path), events)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_labels_that_look_like_something_else(
    full: TemporalGraph, tmp_path: Path, assert_same: Same
) -> None:
    full.to_csv(tmp_path / "g.csv", meta=True)
    got = TemporalGraph.from_csv(tmp_path / "g.csv")
    left_out = ("x", "y", "node_type", "node_events", "signal", "signal_t", "signal_mask")
    assert_same(got, full, *left_out)
    numbers = TemporalGraph([0, 1], [1, 2], [1, 2], node_names=[10**12, -5, 3])
    numbers.to_csv(tmp_path / "n.csv", meta=True)
    assert_same(TemporalGraph.from_csv(tmp_path / "n.csv"), numbers)
    mixed = TemporalGraph([0, 1], [1, 2], [1, 2], node_names=["1", 1, "x"])
    with pytest.raises(GraphError, match="labels=False"):
        mixed.to_csv(tmp_path / "m.csv", meta=True)
    mixed.to_csv(tmp_path / "m.csv", meta=True, labels=False)
    assert_same(TemporalGraph.from_csv(tmp_path / "m.csv"), mixed, "node_names")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_floats_to_the_last_bit(tmp_path_factory: pytest.TempPathFactory, times: list) -> None:
    path = tmp_path_factory.mktemp("csv") / "g.csv"
    value = torch.tensor(times).float().nan_to_num(posinf=1e38, neginf=-1e38)
    g = TemporalGraph([0] * len(times), [1] * len(times), times, edge_attr=value)
    g.to_csv(path, meta=True)
    got = TemporalGraph.from_csv(path)
    assert torch.equal(got.t, g.t)
    assert torch.equal(got.edge_attr, g.edge_attr)


def test_a_plain_table(events: TemporalGraph, tmp_path: Path, assert_same: Same) -> None:
    events.to_csv(tmp_path / "g.csv")
    first = (tmp_path / "g.csv").read_text().splitlines()[0]
    assert first == ("src,dst,t,edge_weight,edge_type,edge_y,edge_attr_0,edge_attr_1,edge_attr_2")
    got = TemporalGraph.from_csv(
        tmp_path / "g.csv",
        edge_attr=["edge_attr_0", "edge_attr_1", "edge_attr_2"],
        edge_weight="edge_weight",
        edge_type="edge_type",
        edge_y="edge_y",
        float_dtype=None,
        num_nodes=6,
        time_unit="ms",
    )
    assert torch.equal(got.t, events.t)
    assert torch.equal(got.edge_weight, events.edge_weight)
    assert torch.equal(got.edge_attr.float(), events.edge_attr)


def test_files_of_other_people(tmp_path: Path) -> None:
    text = "% a comment\n3 1 100\n2 1 50\n"
    with gzip.open(tmp_path / "snap.txt.gz", "wt") as file:
        file.write(text)
    g = TemporalGraph.from_csv(
        tmp_path / "snap.txt.gz", 0, 1, 2, sep=" ", header=None, read={"comment": "%"}
    )
    assert g.t.tolist() == [50, 100]
    assert g.node_names.tolist() == [1, 2, 3]
    assert g.node_names[g.src.numpy()].tolist() == [2, 3]
    (tmp_path / "l.csv").write_text("u,v,w\nana,bo,1\nbo,NA,NA\n")
    g = TemporalGraph.from_csv(tmp_path / "l.csv", "u", "v", None)
    assert g.node_names.tolist() == ["NA", "ana", "bo"]
    with pytest.raises(GraphError, match="'w', row 1: a value is missing"):
        TemporalGraph.from_csv(tmp_path / "l.csv", "u", "v", None, edge_weight="w")
    (tmp_path / "e.csv").write_text("u,v\nana,bo\nbo,\n")
    with pytest.raises(GraphError, match="'v', row 1: a node is missing"):
        TemporalGraph.from_csv(tmp_path / "e.csv", "u", "v", None)
    kept = {"keep_default_na": False}
    (tmp_path / "latin.csv").write_bytes("src,dst,t\nü,b,1\n".encode("latin-1"))
    g = TemporalGraph.from_csv(tmp_path / "latin.csv", read={"encoding": "latin-1"})
    assert g.node_names.tolist() == ["b", "ü"]
    g = TemporalGraph.from_csv(tmp_path / "l.csv", "a", "b", None, names=["a", "b", "c"], header=0,
                               read=kept)  # fmt: skip
    assert len(g) == 2


def test_dates(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("src,dst,t\n0,1,2020-01-02\n1,0,2020-01-01T12:00:00\n")
    g = TemporalGraph.from_csv(tmp_path / "d.csv", dates=True)
    assert np.diff(g.t.numpy()).tolist() == [43200]
    g.to_csv(tmp_path / "e.csv", dates=True)
    assert pd.read_csv(tmp_path / "e.csv")["t"][0] == "2020-01-01 12:00:00"
    again = TemporalGraph.from_csv(tmp_path / "e.csv", dates=True)
    assert torch.equal(again.t, g.t)
    g.to_csv(tmp_path / "f.csv", dates=True, meta=True)
    assert torch.equal(TemporalGraph.from_csv(tmp_path / "f.csv").t, g.t)
    (tmp_path / "bad.csv").write_text("src,dst,t\n0,1,yesterday\n")
    with pytest.raises(GraphError, match="no ISO date"):
        TemporalGraph.from_csv(tmp_path / "bad.csv", dates=True)
    with pytest.raises(GraphError, match="to_datetime"):
        TemporalGraph.from_csv(tmp_path / "bad.csv")


def write(tmp_path: Path, text: str, **options: Any) -> TemporalGraph:
    (tmp_path / "g.csv").write_text(text)
    return TemporalGraph.from_csv(tmp_path / "g.csv", **options)


def test_labels_are_text_unless_all_are_integers(tmp_path: Path) -> None:
    both = write(tmp_path, "src,dst,t\n7,007,1\n8,7,2\n")
    assert both.node_names.tolist() == ["007", "7", "8"]
    numbers = write(tmp_path, "src,dst,t\n7,-3,1\n8,0,2\n")
    assert numbers.node_names.tolist() == [-3, 0, 7, 8]
    one_is_text = write(tmp_path, "src,dst,t\n7,a,1\n8,b,2\n")
    assert one_is_text.node_names.tolist() == ["7", "8", "a", "b"]
    missing = write(tmp_path, "src,dst,t\nNA,null,1\nNone,nan,2\n")
    assert missing.node_names.tolist() == ["NA", "None", "nan", "null"]
    large = write(tmp_path, f"src,dst,t\n{2**53},{2**53 + 1},1\n{2**63 - 1},{2**63},2\n")
    assert large.node_names.tolist() == [str(v) for v in (2**53, 2**53 + 1, 2**63 - 1, 2**63)]
    ids = write(tmp_path, "src,dst,t\n7,007,1\n", ids="as_is")
    assert (ids.src.tolist(), ids.dst.tolist(), ids.num_nodes) == ([7], [7], 8)
    assert write(tmp_path, "src,dst,t\n1,0,5\n", num_nodes=3).node_names is None
    typed = write(tmp_path, "src,dst,t\n07,7,1\n", read={"dtype": {"src": int, "dst": int}})
    assert typed.node_names.tolist() == [7]


def test_offsets_that_change_within_a_file(tmp_path: Path) -> None:
    text = "src,dst,t\n0,1,2024-03-31T01:00:00+01:00\n1,0,2024-03-31T03:00:00+02:00\n"
    g = write(tmp_path, text, dates=True)
    assert g.t.diff().tolist() == [3600]
    assert g.t[0] == 1711843200
    assert g.dates
    zoned = write(tmp_path, text, dates=True, time_zone="Europe/Berlin")
    assert torch.equal(zoned.t, g.t)
    zoned.to_csv(tmp_path / "z.csv", dates=True, meta=True)
    assert "2024-03-31 03:00:00+02:00" in (tmp_path / "z.csv").read_text()
    again = TemporalGraph.from_csv(tmp_path / "z.csv")
    assert torch.equal(again.t, g.t)
    assert again.time_zone == "Europe/Berlin"
    with pytest.raises(GraphError, match="'t', row 1: some dates have an offset") as caught:
        write(tmp_path, "src,dst,t\n0,1,2024-01-01T00:00Z\n0,1,2024-01-02T00:00\n", dates=True)
    assert caught.value.row == 1


def test_labels_a_text_file_could_change(tmp_path: Path, assert_same: Same) -> None:
    odd = ["a\rb", "\r", "x\ny", 'q"', "a,b", " a", "NA", "007", "é"]
    g = TemporalGraph(range(8), range(1, 9), range(8), node_names=odd)
    g.to_csv(tmp_path / "g.csv", meta=True)
    assert_same(TemporalGraph.from_csv(tmp_path / "g.csv"), g)
    for label in ("", "a\0"):
        bad = TemporalGraph([0], [1], [0], node_names=[label, "b"])
        with pytest.raises(GraphError, match=r"'node_names', row 0: .*cannot be read back"):
            bad.to_csv(tmp_path / "bad.csv", meta=True)
    assert not (tmp_path / "bad.csv").exists()


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("src,dst,t\n1,2,3,99\n", {}, "row 0: rows have more fields.*3 fields; got 4 fields"),
        ("src,dst,t,t\n1,2,3,4\n", {}, "'t': 2 columns have this name"),
        ("src,dst,t\n1,2,3,\n", {}, "row 0: rows have more fields than the header"),
        ("src,dst,t\n0,2,3,\n1,2,4,\n", {}, "row 0: rows have more fields than the header"),
        ("src,dst,t\n2,1,3,4\n4,1,3,4\n", {}, "row 0: rows have more fields than the header"),
        ("src,dst,t\n0,0,0,0\n1,1,1,1\n", {}, "row 0: rows have more fields than the header"),
        ("src,dst,t\n1,2,3\n1,2,3,99\n", {}, "row 1: .*line 3 has too many fields"),
        ("1,2,3\n1,2,3,9\n", {"header": None, "src": 0, "dst": 1, "time": 2}, "row 1: .*line 2"),
        ("1,2,3,9\n", {"header": None, "names": ["src", "dst", "t"]}, "row 0: rows have more"),
        ("src,dst,t\n1, 2,3\n2,a,3\n", {}, "surrounding blanks.*skipinitialspace"),
        ("", {}, "the file is empty"),
        ("src,dst,t\n", {}, "the graph is empty"),
        ("src;dst;t\n0;1;2\n", {}, "there is no such column"),
        ("src,dst,t\n0,1,2\n0,1,2,3,4\n", {}, "row 1: .*no table: line 3.*5 fields.*Check sep="),
        ("src,dst,t\n0,1,2\n0,x,3\n", {"ids": "as_is"}, "'dst'"),
    ],
)
def test_what_is_refused(text: str, options: dict[str, Any], words: str, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(GraphError, match=words):
        TemporalGraph.from_csv(tmp_path / "g.csv", **options)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        TemporalGraph.from_csv(tmp_path / "none.csv")
    assert isinstance(caught.value, GraphError)
    (tmp_path / "events.csv").write_text("src,dst,t\n0,1,2\n")
    with pytest.raises(GraphError, match=r"event\.csv.*no such file.*Did you mean .*events\.csv"):
        TemporalGraph.from_csv(tmp_path / "event.csv")
    with pytest.raises(GraphError, match="nor the folder"):
        TemporalGraph.from_csv(tmp_path / "away" / "event.csv")
    with pytest.raises(GraphError, match="a folder, not a file"):
        TemporalGraph.from_csv(tmp_path)


@pytest.mark.parametrize(
    ("times", "row", "problem"),
    [
        (["1", "2", "x", "4"], 2, "a time is not a number"),
        (["1", "", "x", "4"], 1, "a time is not a number"),
        (["Monday", "Tuesday", "4"], 0, "a time is not a number"),
        (["2020-01-01", "2020-01-02"], 0, "neither numbers nor dates"),
    ],
)
def test_the_first_bad_time_is_named(
    times: list[str], row: int, problem: str, tmp_path: Path
) -> None:
    lines = "".join(f"0,1,{t}\n" for t in times)
    (tmp_path / "g.csv").write_text(f"src,dst,t\n{lines}")
    with pytest.raises(GraphError, match=problem) as caught:
        TemporalGraph.from_csv(tmp_path / "g.csv")
    assert caught.value.row == row


@pytest.mark.parametrize("meta", [True, False])
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "csv.xz", "csv.bz2"])
def test_damaged_files_are_named(tmp_path: Path, suffix: str, meta: bool) -> None:
    """Compressed data that end early or changed, and the line that ``meta=True`` writes."""
    path = tmp_path / f"g.{suffix}"
    n = torch.arange(300)
    graph = TemporalGraph(n % 3, n % 5, n, node_names=list("abcde"))
    graph.to_csv(path, meta=meta)
    data, refused = path.read_bytes(), 0
    draw = np.random.default_rng(0)
    for place in draw.integers(0, len(data), 60).tolist():
        mask = 1 << int(draw.integers(8))
        for damaged in (
            data[:place],
            data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :],
            data[:place] + bytes(9) + data[place + 9 :],
        ):
            path.write_bytes(damaged)
            said = str(path)
            try:
                TemporalGraph.from_csv(path)
            except GraphError as error:
                said = str(error)
                refused += 1
            assert suffix == "csv" or str(path) in said
    assert refused > (10 if suffix == "csv" else 150)


@pytest.mark.parametrize("value", [None, 3, "x", [], {"a": 1}, -5, [1.5]])
def test_a_damaged_first_line_is_named(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "g.csv"
    TemporalGraph([0, 1], [1, 0], [1, 2], node_names=["a", "b"]).to_csv(path, meta=True)
    first, rest = path.read_text().split("\n", 1)
    facts = json.loads(first.removeprefix("# graphkit "))
    whole = TemporalGraph.from_csv(path)
    path.write_text(path.read_text().replace('"num_nodes": 2', '"num_nodes": 3'))
    with pytest.raises(GraphError, match=r"g\.csv is damaged \(its content is not what was"):
        TemporalGraph.from_csv(path)
    del facts["sha256"]  # as an older version wrote it
    for line in (value, *[facts | {key: value} for key in facts]):
        path.write_text(f"# graphkit {json.dumps(line)}\n{rest}")
        try:
            found = TemporalGraph.from_csv(path)
        except GraphError as error:
            assert str(path) in str(error), line  # noqa: PT017 - it may also open
        else:
            assert torch.equal(found.src, whole.src), line
    path.write_text(f'# graphkit {{"num\n{rest}')
    with pytest.raises(GraphError, match="its first line is damaged"):
        TemporalGraph.from_csv(path)
