"""Files of arrays: what numpy wrote, or an error that names the file."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from graphkit.errors import GraphError
from graphkit.npz import read_npz

ARRAYS = {"a": np.arange(50).reshape(5, 10), "b": np.linspace(0, 1, 7)}


def written() -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **ARRAYS)
    return out.getvalue()


def test_arrays_come_back(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(written())
    found = read_npz(path, ["b"], optional=["a", "c"])
    assert list(found) == ["b", "a"]
    for name, array in found.items():
        assert array.dtype == ARRAYS[name].dtype
        assert np.array_equal(array, ARRAYS[name])


def test_every_changed_byte_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    """Bytes of names, dates and lengths that nothing reads may change."""
    whole, path, errors = written(), tmp_path / "x.npz", []
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            found = read_npz(path, list(ARRAYS))
        except GraphError as error:
            errors.append(str(error))
        else:
            assert all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)
    assert len(errors) > len(whole) / 2
    assert all("x.npz" in error for error in errors)


def test_every_length_is_noticed(tmp_path: Path) -> None:
    whole, path = written(), tmp_path / "x.npz"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(GraphError, match=r"x\.npz"):
            read_npz(path, list(ARRAYS))


def no_array(file: io.BytesIO) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", b"no array")


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        (lambda f: np.savez(f, a=np.array([object()])), "Object arrays cannot be loaded"),
        (lambda f: np.savez(f, b=ARRAYS["b"]), "holds no a.*expected an .npz file with a; got b"),
        (lambda f: np.save(f, ARRAYS["b"]), "cannot be read"),
        (lambda f: pickle.dump(ARRAYS, f), "cannot be read"),
        (no_array, "is damaged: a is no array"),
    ],
)
def test_what_holds_something_else_is_refused(tmp_path: Path, write, problem: str) -> None:
    out = io.BytesIO()
    write(out)
    (tmp_path / "x.npz").write_bytes(out.getvalue())
    with pytest.raises(GraphError, match=rf"x\.npz'.*{problem}"):
        read_npz(tmp_path / "x.npz", ["a"])


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "x.npz", ["a"])
