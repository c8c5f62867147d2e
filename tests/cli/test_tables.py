"""Tables as files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphkit.cli.tables import check_output, first_line, is_parquet, read_table, write_table
from graphkit.errors import GraphError, MissingFileError, MissingPackageError


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"user": [7, 8, 9], "x": rng.random(3) * 1e-5, "name": ["a", "b,c", "d"]})


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.tsv", "a.csv.gz", "a.tsv.xz", "a.parquet"])
def test_round_trips_are_exact(frame: pd.DataFrame, tmp_path: Path, name: str) -> None:
    path = write_table(frame, tmp_path / "new" / name)
    sep = "\t" if "tsv" in name else ","
    pd.testing.assert_frame_equal(read_table(path, sep=sep), frame, check_exact=True)
    assert [p.name for p in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_an_index_is_written_if_asked_for(frame: pd.DataFrame, tmp_path: Path, name: str) -> None:
    indexed = frame.set_index("user")
    path = write_table(indexed, tmp_path / name, index=True)
    pd.testing.assert_frame_equal(read_table(path), frame)


def test_an_index_of_parquet_becomes_a_column(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.set_index("user").to_parquet(tmp_path / "a.parquet")
    found = read_table(tmp_path / "a.parquet", index=True)
    pd.testing.assert_frame_equal(found, frame)


def test_columns_that_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,n\n007,1\n8,\nNA,NA\n,4\n")
    found = read_table(tmp_path / "a.csv", text=("user", "absent"))
    assert found["user"].tolist()[:3] == ["007", "8", "NA"]
    assert found["user"].isna().tolist() == [False, False, False, True]
    assert found["n"].isna().tolist() == [False, True, True, False]


def test_one_column_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,n\n007,1\n8,2\n")
    assert read_table(tmp_path / "a.csv", only="n").to_dict("list") == {"n": [1, 2]}
    assert read_table(tmp_path / "a.csv", only="absent").columns.empty


def test_a_failed_write_leaves_the_old_file(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_table(frame, tmp_path / "a.csv")
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(OSError, match="disk full"):
        write_table(frame, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_table(tmp_path / "a.csv")
    with pytest.raises(MissingFileError, match="this is a folder"):
        read_table(tmp_path)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(GraphError, match="the file is empty"):
        read_table(tmp_path / "empty.csv")
    (tmp_path / "ragged.csv").write_text("a\n1\n1,2,3\n")
    with pytest.raises(GraphError, match="the file is no table"):
        read_table(tmp_path / "ragged.csv")
    for rows in ("1,2,3\n4,5,6\n", "0,2,\n1,5,\n", "\n0,0,0\n1,1,1\n"):
        (tmp_path / "wide.csv").write_text(f"a,b\n{rows}")
        with pytest.raises(GraphError, match=r"rows have more fields .*expected 2 .*got 3"):
            read_table(tmp_path / "wide.csv")
    (tmp_path / "text.parquet").write_text("a,b")
    with pytest.raises(GraphError, match="the file is no table"):
        read_table(tmp_path / "text.parquet")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GraphError, match="the file is no table"):
        read_table(tmp_path / "binary.csv")
    with pytest.raises(GraphError, match="the file is no table"):
        first_line(tmp_path / "binary.csv")


def test_first_lines(tmp_path: Path, frame: pd.DataFrame) -> None:
    for name in ("a.csv", "a.csv.gz", "a.csv.bz2"):
        assert first_line(write_table(frame, tmp_path / name)).rstrip() == "user,x,name"
    with pytest.raises(MissingFileError):
        first_line(tmp_path / "none.csv")


@pytest.mark.parametrize("name", ["scores", "scores.json", "scores.csv.zip", "scores.gz"])
def test_names_that_no_table_has(name: str) -> None:
    with pytest.raises(GraphError, match=r"'--out': .* expected a name that ends with \.csv"):
        check_output(name)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(GraphError, match="is a folder"):
        check_output(tmp_path / "a.csv")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (read_table, check_output):
        with pytest.raises(MissingPackageError, match=r'pip install "graphkit'):
            call(tmp_path / "a.parquet")
    assert is_parquet("a.PQ")
    assert not is_parquet("a.csv")


def test_what_parquet_cannot_hold(tmp_path: Path) -> None:
    write_table(pd.DataFrame({0: [1], "class": [2]}), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").columns.tolist() == ["0", "class"]
    with pytest.raises(GraphError, match="Parquet cannot hold the table"):
        write_table(pd.DataFrame({"a": [1, "x"]}), tmp_path / "b.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]
