"""Reading rows, and naming the first bad one."""

from __future__ import annotations

import numpy as np
import pytest

from graphkit.datasets.table import Layout, read_table, whole
from graphkit.errors import GraphError

SNAP = Layout({"src": "int", "dst": "int", "time": "number"}, comment="#")
CSV = Layout(
    {"u": "int", "v": "int", "time": "number", "label": "number"},
    separator=",",
    header=True,
    features=True,
)


def write(tmp_path, text: str | bytes, name: str = "rows.txt"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_values_and_types(tmp_path):
    table = read_table(write(tmp_path, "# hi\n1 2 30\n\n4\t5   60 \n"), SNAP)
    assert {name: column.tolist() for name, column in table.items()} == {
        "src": [1, 4],
        "dst": [2, 5],
        "time": [30, 60],
    }
    assert all(column.dtype == np.int64 for column in table.values())


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_line_ends(tmp_path, end):
    text = "1 2 3\r\n4 5 6" + end
    assert read_table(write(tmp_path, text), SNAP)["time"].tolist() == [3, 6]


def test_big_integers_are_exact(tmp_path):
    big = 2**62 + 1
    assert read_table(write(tmp_path, f"1 2 {big}\n"), SNAP)["time"].tolist() == [big]


@pytest.mark.parametrize("num_features", [0, 1, 40])
def test_times_are_exactly_as_written(tmp_path, num_features):
    rng = np.random.default_rng(0)
    times = np.sort(rng.random(500) * 1.3e9)
    features = rng.normal(size=(500, num_features))
    rows = [
        ",".join([str(i), "7", repr(float(t)), "0", *(f"{x:.9f}" for x in f)])
        for i, (t, f) in enumerate(zip(times, features))
    ]
    table = read_table(write(tmp_path, "\n".join(["u,v,t,l,f", *rows])), CSV)
    assert table["time"].dtype == np.float64
    assert table["time"].tolist() == times.tolist()
    assert table["label"].dtype == np.int64
    if num_features:
        assert table["features"].dtype == np.float32
        expected = np.array([[float(f"{x:.9f}") for x in row] for row in features])
        np.testing.assert_array_equal(table["features"], expected.astype(np.float32))
    else:
        assert "features" not in table
    assert "features" not in read_table(tmp_path / "rows.txt", CSV, features=False)


def test_whole():
    assert whole(np.array([0.0, 36.0])).dtype == np.int64
    assert whole(np.array([0.0, 36.5])).dtype == np.float64
    assert whole(np.array([0.0, 2.0**60])).dtype == np.float64
    assert whole(np.array([0.0, np.nan])).dtype == np.float64
    assert whole(np.array([3])).dtype == np.int64


@pytest.mark.parametrize(
    ("text", "row", "expected", "got"),
    [
        ("1 2 3\n4 x 6\n", 2, "an integer", "'x'"),
        ("1 2 3\n4 5.5 6\n", 2, "an integer", "'5.5'"),
        ("# c\n1 2 3\n4 5 nan\n", 3, "a finite number", "'nan'"),
        ("1 2 3\n4 5 inf\n", 2, "a finite number", "'inf'"),
        ("1 2 3\n4 5\n", 2, "3 fields (src, dst, time)", "'4 5'"),
        ("1 2 3\n4 5 6 7\n", 2, "3 fields (src, dst, time)", "'4 5 6 7'"),
        ("1 2\n", 1, "3 fields (src, dst, time)", "'1 2'"),
        ("1 2 3 4\n1 2 3 4\n", 1, "3 fields (src, dst, time)", "'1 2 3 4'"),
        ("1 2 3\n99999999999999999999 5 6\n", 2, "an integer", "'99999999999999999999'"),
        (b"1 2 3\n\xff\xfe\x00 2 3\n", 2, "an integer", None),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", 1, None, None),
    ],
)
def test_the_first_bad_row_is_named(tmp_path, text, row, expected, got):
    with pytest.raises(GraphError) as caught:
        read_table(write(tmp_path, text), SNAP)
    error = caught.value
    assert error.column == "rows.txt"
    assert error.row == row
    assert expected is None or error.expected == expected
    assert got is None or error.got == got
    assert "rows.txt" in error.fix


@pytest.mark.parametrize(
    ("text", "row", "problem"),
    [
        ("u,v,t,l,f\n1,2,3.0,0,0.5\n1,2,4.0,0\n", 3, "number of fields"),
        ("u,v,t,l,f\n1,2,3.0,0,0.5\n1,2,4.0,0,\n", 3, "'features'"),
        ("u,v,t,l,f\n1,2,3.0,0,0.5\n1,2,4.0,0,x\n", 3, "'features'"),
        ("u,v,t,l,f\n1,2,3.0,0\n1,2,,0\n", 3, "'time'"),
        ("u,v,t,l,f\n1,2,3.0\n", 2, "number of fields"),
    ],
)
def test_bad_rows_with_features(tmp_path, text, row, problem):
    with pytest.raises(GraphError, match=problem) as caught:
        read_table(write(tmp_path, text), CSV)
    assert caught.value.row == row


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\n\n"])
def test_no_rows(tmp_path, text):
    with pytest.raises(GraphError, match="no rows"):
        read_table(write(tmp_path, text), SNAP)


@pytest.mark.parametrize("kind", ["gz", "xz", "bz2"])
def test_compressed_data_that_end_early(tmp_path, pack, kind):
    rng = np.random.default_rng(0)
    rows = "".join(f"{a} {b} {i}\n" for i, (a, b) in enumerate(rng.integers(9999, size=(20000, 2))))
    whole_file = pack(kind, "", rows.encode())
    path = write(tmp_path, whole_file[: len(whole_file) * 3 // 4], "rows.txt.gz")
    with pytest.raises(GraphError, match="end early or are damaged") as caught:
        read_table(path, SNAP)
    assert caught.value.column == "rows.txt.gz"
    assert caught.value.row >= 1


def test_damaged_compressed_data(tmp_path, pack):
    data = bytearray(pack("gz", "", b"1 2 3\n" * 5000))
    data[-8] ^= 0xFF  # the checksum
    with pytest.raises(GraphError, match="end early or are damaged"):
        read_table(write(tmp_path, bytes(data)), SNAP)


def test_text_columns_keep_words_that_look_like_missing_values(tmp_path):
    layout = Layout({"i": "int", "name": "text"})
    table = read_table(write(tmp_path, "1 NA\n2 nan\n3 5\n"), layout)
    assert table["name"].tolist() == ["NA", "nan", "5"]
