"""Opening a data file: plain, compressed (by content, not by name) or a member of an archive."""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from graphkit.errors import GraphError

__all__ = [
    "BROKEN",
    "OPENERS",
    "compression_of",
    "is_archive",
    "members",
    "mend",
    "open_data",
    "stem",
]

COMPRESSIONS = (".gz", ".xz", ".bz2")
_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip"}
OPENERS = {"gzip": gzip.open, "xz": lzma.open, "bzip2": bz2.open}

# What the standard library raises when compressed bytes end early or are damaged.
BROKEN = (
    EOFError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def stem(name: str) -> str:
    """A file name without its compression: ``as-733.tar.gz`` gives ``as-733.tar``."""
    for suffix in COMPRESSIONS:
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


def is_archive(path: Path) -> bool:
    """Whether a file name says tar (compressed or not) or zip."""
    return stem(path.name).endswith((".tar", ".zip"))


def compression_of(head: bytes) -> str | None:
    """The compression that the first bytes of a file show, or ``None``."""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


@contextmanager
def open_data(path: Path, member: str | None = None) -> Iterator[IO[bytes]]:
    """The decompressed bytes of a file, or of the one member of an archive.

    Args:
        path: The file. Its compression is told from its first bytes.
        member: If ``path`` is an archive: file name (or glob) of the member, in any folder.

    Raises:
        GraphError: The archive has no such member.
    """
    if is_archive(path):
        for _, handle in members(path, member or "*"):
            yield handle
            return
        raise GraphError(path.name, "the archive lacks a member", expected=member, fix=mend(path))
    with path.open("rb") as raw:
        opener = OPENERS.get(compression_of(raw.read(8)) or "")
    with opener(path, "rb") if opener else path.open("rb") as handle:
        yield handle


def members(path: Path, pattern: str) -> Iterator[tuple[str, IO[bytes]]]:
    """File name and bytes of every member of an archive whose name matches, in archive order."""

    def chosen(name: str) -> bool:
        return fnmatch.fnmatch(PurePosixPath(name).name, pattern)

    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir() and chosen(info.filename):
                    with archive.open(info) as handle:
                        yield PurePosixPath(info.filename).name, handle
        return
    # "r|*" reads front to back and decompresses once; "r:*" would seek.
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            if info.isfile() and chosen(info.name):
                handle = archive.extractfile(info)
                assert handle is not None  # isfile() above
                yield PurePosixPath(info.name).name, handle


def mend(path: Path) -> str:
    """What to do about a broken file."""
    return f"Delete {path} and get it again."
