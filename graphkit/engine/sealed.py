"""Files of tensors that contain the checksum of their own content.

A file is the zip archive that ``torch.save`` writes. The comment of the archive is
``graphkit-sha256:`` followed by the checksum of all preceding bytes, so that ``torch.load`` reads
the file as any other.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch

from graphkit.errors import GraphError
from graphkit.files import whole_file

__all__ = ["load_sealed", "save_sealed"]

_MARK = b"graphkit-sha256:"
_SEAL = len(_MARK) + 64
_END_OF_ZIP = b"PK\x05\x06"
_CHUNK = 1 << 22


def save_sealed(record: Any, path: Path) -> str:
    """Write a record with its checksum, atomically.

    Args:
        record: A value that ``torch.load(weights_only=True)`` can read.
        path: Path of the file; it is replaced when the new file is complete.

    Returns:
        The hexadecimal checksum.
    """
    with whole_file(path) as hidden:
        with open(hidden, "wb") as file:
            torch.save(record, file)
        with open(hidden, "r+b") as file:
            return _seal(file)


def load_sealed(path: Path, device: torch.device | str) -> tuple[Any, str | None]:
    """Read a record and verify its checksum.

    Args:
        path: Path of the file.
        device: Device of the loaded tensors.

    Returns:
        The record and its checksum, which is ``None`` for files of older versions without one. For
        such a file only the checksums of the archive are verified, which do not cover every byte.

    Raises:
        GraphError: The file does not exist or is damaged.
    """
    try:
        digest = _checked(path)
        return torch.load(path, map_location=device, weights_only=True), digest
    except GraphError:
        raise
    except FileNotFoundError as error:
        raise GraphError("checkpoint", f"{path} is gone", fix="Start again without it.") from error
    except Exception as error:  # pickle, zip and torch raise different errors
        raise damaged(path, str(error)) from error


def damaged(path: Path, problem: str) -> GraphError:
    """Create the error for a file that cannot be used."""
    return GraphError(
        "checkpoint", f"{path} cannot be read ({problem})", fix="Delete the folder to start again."
    )


def _seal(file: Any) -> str:
    file.seek(-22, os.SEEK_END)
    end = file.read()
    if end[:4] != _END_OF_ZIP or end[-2:] != b"\0\0":
        raise RuntimeError("torch.save wrote no zip archive without a comment")
    file.seek(-2, os.SEEK_END)
    file.write(struct.pack("<H", _SEAL))
    digest = _digest(file, file.tell())
    file.seek(0, os.SEEK_END)
    file.write(_MARK + digest.encode())
    return digest


def _checked(path: Path) -> str | None:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _SEAL, 0))
        seal = file.read()
        if seal.startswith(_MARK):
            digest = _digest(file, size - _SEAL)
            if seal[len(_MARK) :] != digest.encode():
                raise damaged(path, "its content is not what was written")
            return digest
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
            if broken is not None:
                raise damaged(path, f"the content of {broken} is not what was written")
    return None


def _digest(file: Any, size: int) -> str:
    """Checksum of the first ``size`` bytes of a file."""
    hasher = hashlib.sha256()
    file.seek(0)
    while size and (block := file.read(min(size, _CHUNK))):
        hasher.update(block)
        size -= len(block)
    return hasher.hexdigest()
