"""Whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphkit.data.atomic import whole_directory, whole_file


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.csv.gz"
    with whole_file(path) as part:
        part.write_text("new")
        assert not path.exists()
        assert part.suffixes[-2:] == [".csv", ".gz"]
    assert path.read_text() == "new"
    with pytest.raises(ZeroDivisionError), whole_file(path) as part:
        part.write_text(f"half {1 / 0}")
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["a.csv.gz"]


def test_a_directory_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "d"
    for content in ("one", "two"):
        with whole_directory(path) as part:
            (part / content).write_text(content)
        assert [p.name for p in path.iterdir()] == [content]
    with pytest.raises(ZeroDivisionError), whole_directory(path) as part:
        (part / "three").write_text(f"half {1 / 0}")
    assert [p.name for p in path.iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_a_failing_rename_puts_the_old_directory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    path = tmp_path / "d"
    with whole_directory(path) as part:
        (part / "old").write_text("")
    real, calls = os.replace, []

    def replace(a: Path, b: Path) -> None:
        calls.append((a, b))
        if len(calls) == 2:
            raise OSError("busy")
        real(a, b)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="busy"), whole_directory(path) as part:
        (part / "new").write_text("")
    assert [p.name for p in path.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
