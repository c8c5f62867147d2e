"""Whole or not at all."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from graphkit import files
from graphkit.errors import GraphError
from graphkit.files import (
    held,
    new_folder,
    sweep,
    sweep_folder,
    unpacked,
    whole_directory,
    whole_file,
    write_atomically,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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
    assert names(path.parent) == ["a.csv.gz"]


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_text(path, "old")

    def fail(file) -> None:
        file.write(b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    write_text(path, "néw")
    assert path.read_bytes() == "néw".encode()
    assert names(tmp_path) == ["result.json"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_directory_is_replaced_as_a_whole(
    tmp_path: Path, exchanges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchanges:
        monkeypatch.setattr(files, "_renameat2", lambda: None)
    path = tmp_path / "d"
    for content in ("one", "two"):
        with whole_directory(path) as part:
            (part / "deep").mkdir()
            (part / "deep" / content).write_text(content)
        assert names(path / "deep") == [content]
    with pytest.raises(ZeroDivisionError), whole_directory(path) as part:
        (part / "three").write_text(f"half {1 / 0}")
    assert names(path / "deep") == ["two"]
    assert names(tmp_path) == ["d"]


def test_a_failing_rename_puts_the_old_directory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d"
    with whole_directory(path) as part:
        (part / "old").write_text("")
    monkeypatch.setattr(files, "_renameat2", lambda: None)
    real, calls = os.replace, []

    def replace(a: Path, b: Path) -> None:
        calls.append((a, b))
        if len(calls) == 2:
            raise OSError("busy")
        real(a, b)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="busy"), whole_directory(path) as part:
        (part / "new").write_text("")
    assert names(path) == ["old"]
    assert names(tmp_path) == ["d"]


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL])
def test_a_system_without_exchange_falls_back(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> int:
        files.ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(files, "_renameat2", lambda: refuses)
    for content in ("one", "two"):
        with whole_directory(tmp_path / "d") as part:
            (part / content).write_text("")
    assert names(tmp_path / "d") == ["two"]


def test_what_killed_writers_left_is_swept(tmp_path: Path) -> None:
    dead = 2**22 + 12345  # above the largest process id of Linux
    mine = tmp_path / f".{os.getpid()}-newabc.tmp-a[1].txt"
    for name in (f".{dead}-newabc.tmp-a[1].txt", f".{dead}-newabc.tmp-other.txt", mine.name):
        (tmp_path / name).write_text("half")
    write_text(tmp_path / "a[1].txt", "whole")
    assert names(tmp_path) == sorted([mine.name, f".{dead}-newabc.tmp-other.txt", "a[1].txt"])
    os.utime(mine, (time.time() - 1e6, time.time() - 1e6))
    sweep(tmp_path / "a[1].txt")
    assert not mine.exists()


def test_a_directory_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    dead = 2**22 + 12345
    aside = tmp_path / f".{dead}-oldabc.tmp-d"
    aside.mkdir()
    (aside / "old").write_text("")
    sweep(tmp_path / "d")
    assert names(tmp_path / "d") == ["old"]


def _writes(path: Path) -> None:
    for number in range(100_000):
        with whole_directory(path) as part:
            for name in "abc":
                (part / name).write_text(str(number))


def test_killed_at_any_moment_a_whole_directory_is_there(tmp_path: Path) -> None:
    path = tmp_path / "d"
    context = multiprocessing.get_context("fork")
    for attempt in range(12):
        writer = context.Process(target=_writes, args=(path,))
        writer.start()
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.004 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert names(path) == ["a", "b", "c"]
        assert len({(path / name).read_text() for name in "abc"}) == 1
    with whole_directory(path):
        pass
    assert names(tmp_path) == ["d"]


def test_a_folder_is_swept_of_what_killed_writers_left(tmp_path: Path) -> None:
    dead, mine = 2**22 + 12345, f".{os.getpid()}@{files._host()}-newabc.tmp-c.txt"
    elsewhere = f".{dead}@0a0a0a0a-newabc.tmp-d.txt"  # of a process of another machine
    left = [f".{dead}-newabc.tmp-a.txt", f".{dead}@{files._host()}-newabc.tmp-b.txt"]
    for name in (*left, mine, elsewhere, "e.txt"):
        (tmp_path / name).write_text("half")
    sweep_folder(tmp_path)
    assert names(tmp_path) == sorted([mine, elsewhere, "e.txt"])
    os.utime(tmp_path / elsewhere, (0, 0))
    sweep_folder(tmp_path)
    assert names(tmp_path) == sorted([mine, "e.txt"])


def test_two_directories_of_one_name_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other writer comes between the look and the rename."""
    path, real = tmp_path / "d", os.replace

    def replace(a: Path, b: Path) -> None:
        monkeypatch.setattr(os, "replace", real)
        with whole_directory(path) as part:
            (part / "other").write_text("")
        real(a, b)

    with whole_directory(path) as part:
        (part / "own").write_text("")
        monkeypatch.setattr(os, "replace", replace)
    assert names(path) == ["own"]
    assert names(tmp_path) == ["d"]


def test_a_new_folder_is_nobody_elses(tmp_path: Path) -> None:
    made = [new_folder(tmp_path / "deep" / "run") for _ in range(3)]
    assert [folder.name for folder in made] == ["run", "run-2", "run-3"]
    assert all(folder.is_dir() for folder in made)
    (tmp_path / "file").write_text("")
    assert new_folder(tmp_path / "file").name == "file-2"


def _holds(folder: Path, ready, seconds: float) -> None:
    with held(folder):
        ready.set()
        time.sleep(seconds)


@pytest.mark.skipif(files.fcntl is None, reason="the system cannot lock folders")
def test_a_held_folder_is_refused_until_its_process_ends(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_holds, args=(tmp_path / "d", ready, 600))
    process.start()
    assert ready.wait(100)
    with pytest.raises(GraphError, match="another run is writing to"), held(tmp_path / "d"):
        pass
    process.kill()
    process.join()
    with held(tmp_path / "d"):
        assert names(tmp_path / "d") == [], "nothing is left by it"


@pytest.mark.skipif(files.fcntl is None, reason="the system cannot lock folders")
def test_a_held_folder_can_be_waited_for(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_holds, args=(tmp_path, ready, 0.5))
    process.start()
    assert ready.wait(100)
    with held(tmp_path, wait=True):
        process.join(10)
        assert process.exitcode == 0


def test_where_folders_cannot_be_locked_they_are_not_held(tmp_path, monkeypatch) -> None:
    class Share:
        LOCK_EX = LOCK_NB = 0

        @staticmethod
        def flock(handle: int, how: int) -> None:
            raise OSError(errno.ENOTSUP, "not supported")

    for system in (Share, None):
        monkeypatch.setattr(files, "fcntl", system)
        with held(tmp_path), held(tmp_path):
            pass


def test_damage_of_compressed_data_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    import bz2
    import gzip
    import lzma

    path = tmp_path / "a.gz"
    for pack, opener in ((gzip, gzip.open), (bz2, bz2.open), (lzma, lzma.open)):
        data = pack.compress(bytes(range(256)) * 40)
        for damaged in (data[:-9], data[: len(data) // 2], data[:20] + b"\0" * 40 + data[60:]):
            path.write_bytes(damaged)
            with pytest.raises(GraphError, match=r"a\.gz'.*end early or are damaged"):
                with unpacked(path), opener(path) as file:
                    file.read()
    with pytest.raises(FileNotFoundError), unpacked(path):
        (tmp_path / "nothing").read_text()
