"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["whole_directory", "whole_file"]


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside ``path`` (same suffixes) to write to; renamed if all went well.

    A failure removes the temporary file; a killed process leaves it, hidden and under another
    name. ``path`` keeps its old content until the new one is complete and on disk.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _hidden(path)
    try:
        yield part
        _sync(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    _sync(path.parent)


@contextmanager
def whole_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """As :func:`whole_file`, for a directory. Replaces a directory of that name.

    The old directory is moved aside before the new one takes its name and is deleted after.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part, old = _hidden(path), _hidden(path)
    try:
        part.mkdir()
        yield part
        for file in part.iterdir():
            _sync(file)
        _sync(part)
        if path.exists():
            os.replace(path, old)
        try:
            os.replace(part, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    _sync(path.parent)


def _hidden(path: Path) -> Path:
    return path.with_name(f".{uuid.uuid4().hex[:12]}.tmp-{path.name}")


def _sync(path: Path) -> None:
    """Ask the operating system to put a file, or the names in a directory, on disk."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
