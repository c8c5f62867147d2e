"""Where a file is looked for, and in which order."""

from __future__ import annotations

import os

import pytest

from graphkit.datasets import load
from graphkit.datasets.lookup import accepted_names, cache_dir, find, locate
from graphkit.datasets.snap import SOURCES
from graphkit.errors import DatasetNotFoundError

COLLEGE = SOURCES[0]


def put(folder, text="1 2 3\n", name="CollegeMsg.txt.gz"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_accepted_names():
    assert accepted_names(["as-733.tar.gz"]) == [
        "as-733.tar.gz",
        "as-733.tar",
        "as-733.tar.xz",
        "as-733.tar.bz2",
    ]
    assert accepted_names(["wikipedia.csv"])[:2] == ["wikipedia.csv", "wikipedia.csv.gz"]
    assert accepted_names(["enron.zip"]) == ["enron.zip"]


def test_order_root_data_cache(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("GRAPHKIT_DATA", str(tmp_path / "data"))
    in_cache = put(cache / "collegemsg")
    assert locate(COLLEGE, download=False) == in_cache
    in_data = put(tmp_path / "data" / "some" / "where")
    assert locate(COLLEGE, download=False) == in_data
    in_root = put(tmp_path / "root" / "deep")
    assert locate(COLLEGE, root=tmp_path / "root", download=False) == in_root
    assert locate(COLLEGE, root=str(in_root), download=False) == in_root
    in_root.unlink()  # a root without the file: the search goes on
    assert locate(COLLEGE, root=tmp_path / "root", download=False) == in_data
    monkeypatch.delenv("GRAPHKIT_DATA")
    assert locate(COLLEGE, root=tmp_path / "root", download=False) == in_cache


def test_a_file_of_any_name_as_root(tmp_path, no_data):
    path = put(tmp_path, "4 5 6\n", "mine.dat")
    with pytest.warns(UserWarning, match="not the published"):
        assert load("collegemsg", path, download=False).t.tolist() == [6]


def test_the_official_name_and_the_least_deep_file_win(tmp_path):
    names = accepted_names(["CollegeMsg.txt.gz"])
    assert find(tmp_path, names) is None
    deep = put(tmp_path / "b" / "c")
    assert find(tmp_path, names) == deep
    put(tmp_path, name="CollegeMsg.txt.xz")
    assert find(tmp_path, names) == deep
    assert find(tmp_path, names) == deep
    shallow_1, shallow_2 = put(tmp_path / "b"), put(tmp_path / "a")
    assert find(tmp_path, names) == shallow_2
    shallow_2.unlink()
    assert find(tmp_path, names) == shallow_1


def test_links_are_followed_and_circles_end(tmp_path):
    target = put(tmp_path / "elsewhere")
    (tmp_path / "data").mkdir()
    os.symlink(tmp_path / "data", tmp_path / "data" / "circle")
    os.symlink(tmp_path / "elsewhere", tmp_path / "data" / "link")
    found = find(tmp_path / "data", ["CollegeMsg.txt.gz"])
    assert found is not None
    assert found.samefile(target)


def test_parts_and_look_alikes_are_not_taken(tmp_path):
    put(tmp_path, name=".CollegeMsg.txt.gz.abc.part")
    put(tmp_path, name="CollegeMsg.txt.gz.old")
    assert find(tmp_path, accepted_names(["CollegeMsg.txt.gz"])) is None


def test_absent_names_address_file_and_place(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("GRAPHKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DatasetNotFoundError) as caught:
        load("collegemsg", download=False)
    message = str(caught.value)
    assert "https://snap.stanford.edu/data/CollegeMsg.txt.gz" in message
    assert "a file named CollegeMsg.txt.gz (plain, .gz, .xz or .bz2)" in message
    assert str(cache / "collegemsg") in message
    assert str(tmp_path / "nowhere") in message
    assert "download=False" in message
    assert "GRAPHKIT_DATA" in message
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(DatasetNotFoundError, match=r"ml_enron\.csv"):
        load("enron", download=False)


def test_root_that_does_not_exist(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="root= does not exist"):
        load("collegemsg", root=tmp_path / "tpyo")


def test_cache_dir(monkeypatch, cache, tmp_path):
    assert cache_dir() == cache
    monkeypatch.delenv("GRAPHKIT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "graphkit"


def test_a_name_with_its_folder(tmp_path):
    for folder in ("one", "two"):
        put(tmp_path / folder, folder, "tensor.mat")
    put(tmp_path / "deep" / "two", "deeper", "tensor.mat.gz")
    assert find(tmp_path, accepted_names(["two/tensor.mat"])).read_text() == "two"
    assert find(tmp_path, ["deep/two/tensor.mat.gz"]).read_text() == "deeper"
    assert find(tmp_path, ["wo/tensor.mat"]) is None
    assert find(tmp_path, ["tensor.mat"]).parent.name == "one"
