"""Whether what a server sent is a data file, and not a page about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphkit.datasets.files import BROKEN, OPENERS, compression_of, stem

__all__ = ["check_arrived"]

_HEAD = 4096
_LEAST = 256  # bytes: "Not Found" is shorter than every published file
_COMPRESSED = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2", ".zip": "zip", ".npz": "zip"}
_BEGINNINGS = {
    ".mat": (b"MATLAB", b"\x89HDF"),
    ".h5": (b"\x89HDF",),
    ".edf": (b"0       ",),
}
_PAGES = ("text/html", "application/xhtml+xml", "application/problem+json")
_SAYS = ("error", "errors", "message", "detail")  # keys of answers in place of data


def check_arrived(path: Path, name: str, kind: str = "application/octet-stream") -> str | None:
    """What is wrong with a file as its first bytes and its server tell, ``None`` for nothing.

    Args:
        path: The file that arrived.
        name: Its official name.
        kind: Its type as the server calls it.
    """
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    suffix = Path(name).suffix
    expected = _COMPRESSED.get(suffix)
    compression = compression_of(head)
    if expected is not None and compression != expected:
        return _not(expected, head)
    beginnings = _BEGINNINGS.get(Path(stem(name)).suffix)
    inside = head
    if compression in OPENERS:  # a page may come compressed
        try:
            with OPENERS[compression](path, "rb") as opened:
                inside = opened.read(_HEAD)
        except (*BROKEN, OSError) as error:
            return f"expected {compression}, which is damaged ({error})"
    if beginnings is not None and compression != "zip" and not inside.startswith(beginnings):
        return _not(f"the beginning of a {Path(stem(name)).suffix} file", inside)
    if compression is None and kind in _PAGES:
        return _not(f"data and not {kind}", head)
    if path.stat().st_size < _LEAST:
        return _not("a data file", inside)
    if stem(name).endswith(".tar") or compression == "zip":
        return None
    return _page(inside, path if compression is None else None, name)


def _page(head: bytes, whole: Path | None, name: str) -> str | None:
    """A page or a message in place of data, by how it begins."""
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if text.startswith(b"<"):
        return _not("data", head)
    if text.startswith(b"version https://git-lfs") or b"git-lfs.github.com/spec" in text[:200]:
        return _not("data and not the pointer of Git LFS to them", head)
    if text.startswith((b"{", b"[")):
        if not stem(name).endswith(".json"):
            return _not("data", head)
        if whole is not None and whole.stat().st_size <= _HEAD and _is_message(head):
            return _not("data", head)
    return None


def _is_message(text: bytes) -> bool:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return True  # not even JSON
    return isinstance(found, dict) and any(key.lower() in _SAYS for key in found)


def _not(expected: str, head: bytes) -> str:
    return f"expected {expected}, got {head[:40]!r}"
