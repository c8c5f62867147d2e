"""Atomic writes of files and folders.

Content is written under a hidden name beside the target and renamed to the target when it is
complete and on disk, so that a reader finds either the old content or the new one. A process that
is killed leaves its hidden file, which the next writer of the same target removes.

Folders that only one process may write to are created under a unique name (:func:`new_folder`) and
locked while they are written to (:func:`held`).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import hashlib
import itertools
import lzma
import os
import shutil
import socket
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from graphkit.errors import GraphError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = [
    "held",
    "new_folder",
    "replace",
    "sweep",
    "sweep_folder",
    "unpacked",
    "whole_directory",
    "whole_file",
    "write_atomically",
    "write_text",
]

_STALE = 86400.0  # seconds after which a hidden file may be removed, whichever process wrote it
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a hidden path beside ``path`` (same suffixes), which is renamed on success.

    Parent folders are created as needed. ``path`` keeps its old content until the new one is
    complete and on disk; a failure removes the hidden file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    hidden = _hidden(path)
    try:
        yield hidden
        _sync(hidden)
        replace(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Same as :func:`whole_file`, for a directory; an existing directory is replaced.

    Where the system can exchange two names (Linux), ``path`` names a whole directory at every
    moment. Elsewhere the old directory is moved aside for the moment of the rename; if the process
    is killed then, :func:`sweep` puts it back.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    hidden, old = _hidden(path), _hidden(path, "old")
    try:
        hidden.mkdir()
        yield hidden
        for file in hidden.rglob("*"):
            _sync(file)
        _sync(hidden)
        if not _takes_name(hidden, path) and not _exchange(hidden, path):
            os.replace(path, old)
            try:
                os.replace(hidden, path)
            except OSError:
                os.replace(old, path)
                raise
        _sync(path.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Context in which a damaged compressed file raises an error that names the file.

    Raises:
        GraphError: The compressed data end early or are damaged.
    """
    try:
        yield
    except GraphError:
        raise
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the system, such as missing permission
        raise GraphError(
            str(path),
            f"the compressed data end early or are damaged ({' '.join(str(error).split())})",
            fix="Get the file again.",
        ) from error


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], Any]) -> Path:
    """Call ``write(file)`` on a binary file that takes the name ``path`` once it is complete."""
    path = Path(path)
    with whole_file(path) as hidden, open(hidden, "wb") as file:
        write(file)
    return path


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text file atomically, in UTF-8."""
    return write_atomically(path, lambda file: file.write(text.encode()))


def replace(hidden: Path, path: Path) -> None:
    """Rename a file over another one, and sync the directory to disk."""
    os.replace(hidden, path)
    _sync(path.parent)


def sweep(path: str | os.PathLike[str]) -> None:
    """Remove files that killed writers of ``path`` left beside it.

    A hidden file is kept while the process that created it runs, or may run on another machine,
    unless the file is a day old. A directory that was moved aside is put back if ``path`` does not
    exist.
    """
    path = Path(path)
    with contextlib.suppress(OSError):
        for hidden in path.parent.glob(f".*-*.tmp-{_escaped(path.name)}"):
            writer, _, role = hidden.name[1:].partition(".tmp-")[0].partition("-")
            if _runs(writer) and time.time() - hidden.stat().st_mtime < _STALE:
                continue
            with contextlib.suppress(OSError):
                if role.startswith("old") and not path.exists():
                    os.replace(hidden, path)
                elif hidden.is_dir():
                    shutil.rmtree(hidden, ignore_errors=True)
                else:
                    hidden.unlink()


def sweep_folder(folder: str | os.PathLike[str]) -> None:
    """Remove all files that killed writers left in a folder; see :func:`sweep`."""
    with contextlib.suppress(OSError):
        for hidden in Path(folder).glob(".*-*.tmp-*"):
            sweep(hidden.with_name(hidden.name.partition(".tmp-")[2]))


def new_folder(path: str | os.PathLike[str]) -> Path:
    """Create a folder that no other process uses: ``path``, or ``path-2``, ``path-3`` and so on.

    Returns:
        The new, empty folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = path if number == 1 else path.with_name(f"{path.name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()  # one system call: of several processes one succeeds
            return folder
    raise AssertionError("unreachable")


@contextmanager
def held(folder: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Lock a folder, which is created if needed, while this process writes to it.

    The system releases the lock when the process ends, for whatever reason. Where the system or the
    file system cannot lock (Windows, some network shares), no lock is taken.

    Args:
        folder: The folder.
        wait: Whether to wait until another process has released the folder.

    Raises:
        GraphError: Another process, or another part of this one, holds the folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise GraphError(
                    "folder",
                    f"another run is writing to {folder}",
                    fix="Wait until it has ended, or choose another folder.",
                ) from None
        yield
    finally:
        os.close(handle)


def _takes_name(hidden: Path, path: Path) -> bool:
    """Give a directory a name if nothing has it, also a moment later."""
    if path.exists():
        return False
    try:
        os.replace(hidden, path)
    except OSError:
        if path.exists():  # another writer came first
            return False
        raise
    return True


def _hidden(path: Path, role: str = "new") -> Path:
    writer = f"{os.getpid()}@{_host()}"
    return path.with_name(f".{writer}-{role}{uuid.uuid4().hex[:12]}.tmp-{path.name}")


@functools.cache
def _host() -> str:
    """A short name of this machine without punctuation: folders are shared between machines."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _runs(writer: str) -> bool:
    """Whether the process ``PID@HOST`` runs, as far as can be told from here."""
    pid, _, host = writer.partition("@")
    if not pid.isdigit() or int(pid) == 0:
        return False
    if host and host != _host():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync(path: Path) -> None:
    """Sync a file, or the names in a directory, to disk."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchange(a: Path, b: Path) -> bool:
    """Exchange two names in one step; return false where the system does not support it."""
    rename = _renameat2()
    if rename is None:
        return False
    at_cwd = -100
    if rename(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.ENOTSUP):
        return False  # an old kernel, or a file system that cannot
    raise OSError(code, os.strerror(code), str(b))


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes = [
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    ]
    function.restype = ctypes.c_int
    return function
