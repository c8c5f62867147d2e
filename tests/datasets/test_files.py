"""Opening files: compression by content, members of archives."""

from __future__ import annotations

import pytest

from graphkit.datasets.files import BROKEN, compression_of, is_archive, members, open_data, stem
from graphkit.errors import GraphError

TEXT = b"1 2 3\n4 5 6\n"


@pytest.mark.parametrize("kind", ["plain", "gz", "xz", "bz2"])
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.csv.xz"])
def test_compression_is_told_from_the_bytes_not_the_name(tmp_path, pack, kind, name):
    path = tmp_path / name
    path.write_bytes(pack(kind, "", TEXT))
    with open_data(path) as handle:
        assert handle.read() == TEXT


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.xz", "tar.bz2", "zip"])
def test_member_of_an_archive_in_any_folder(tmp_path, pack, kind):
    path = tmp_path / f"set.{kind}"
    path.write_bytes(pack(kind, "rows.txt", TEXT))
    assert is_archive(path)
    with open_data(path, "rows.txt") as handle:
        assert handle.read() == TEXT
    assert [name for name, _ in members(path, "*")] == ["README", "rows.txt"]
    with pytest.raises(GraphError, match=r"lacks a member; expected other\.txt"):
        with open_data(path, "other.txt"):
            pass


def test_a_recompressed_archive_under_its_official_name(tmp_path, pack):
    path = tmp_path / "set.tar.gz"
    path.write_bytes(pack("tar.xz", "rows.txt", TEXT))
    with open_data(path, "rows.txt") as handle:
        assert handle.read() == TEXT


@pytest.mark.parametrize("kind", ["gz", "xz", "bz2"])
def test_truncated_bytes_raise_what_broken_lists(tmp_path, pack, kind):
    path = tmp_path / "a.txt"
    path.write_bytes(pack(kind, "", bytes(range(256)) * 50)[:-20])
    with pytest.raises(BROKEN):
        with open_data(path) as handle:
            handle.read()


def test_names():
    assert stem("as-733.tar.gz") == "as-733.tar"
    assert stem("wikipedia.csv") == "wikipedia.csv"
    assert compression_of(b"\x1f\x8b\x08") == "gzip"
    assert compression_of(b"1 2") is None
    assert compression_of(b"") is None
