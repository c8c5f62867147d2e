"""What befalls files: flipped bits, lost ends, zeros, pieces and files in wrong places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.reliability._case import Case

__all__ = ["Files", "damage", "read_files", "write_files"]

Files = dict[str, bytes]
"""The content of a folder, by relative path."""


def read_files(folder: Path) -> Files:
    """The files of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_files(files: Files, folder: Path) -> Path:
    """Put files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def damage(case: Case, files: Files, others: Files) -> tuple[Files, list[str]]:
    """Damage one of some files; or put it, or two of them, in a wrong place.

    Args:
        case: The case; gets the description.
        files: Whole files.
        others: Files of the same names, of another run; may lack some.

    Returns:
        The files, and the names of those that changed.
    """
    name = case.draw.choice(sorted(files))
    ways: dict[str, Callable[[], Files]] = {
        "flipped": lambda: files | {name: _flipped(case, files[name])},
        "cut": lambda: files | {name: files[name][: case.draw.randrange(len(files[name]))]},
        "zeros": lambda: files | {name: _zeros(case, files[name])},
        "pieces exchanged": lambda: files | {name: _pieces(case, files[name])},
        "longer": lambda: files | {name: files[name] + case.draw.randbytes(case.size)},
        "gone": lambda: {key: value for key, value in files.items() if key != name},
    }
    if name in others:
        ways["of another run"] = lambda: files | {name: others[name]}
    if len(files) > 1:
        second = case.draw.choice(sorted(set(files) - {name}))
        ways["exchanged"] = lambda: files | {name: files[second], second: files[name]}
    way = case.draw.choice(sorted(ways))
    changed = ways[way]()
    names = [key for key in files if changed.get(key) != files[key]]
    case.tell(way=way, files=names)
    return changed, names


def _flipped(case: Case, content: bytes) -> bytes:
    damaged = bytearray(content)
    for _ in range(case.draw.randint(1, case.size)):
        damaged[case.draw.randrange(len(damaged))] ^= 1 << case.draw.randrange(8)
    return bytes(damaged)


def _zeros(case: Case, content: bytes) -> bytes:
    start = case.draw.randrange(len(content))
    stop = min(len(content), start + case.draw.choice([1, 16, 512]))
    return content[:start] + bytes(stop - start) + content[stop:]


def _pieces(case: Case, content: bytes) -> bytes:
    size = case.draw.choice([1, 8, 64])
    a, b = sorted(case.draw.randrange(len(content)) for _ in range(2))
    b = max(b, a + size)
    first, second = content[a : a + size], content[b : b + size]
    return content[:a] + second + content[a + size : b] + first + content[b + size :]
