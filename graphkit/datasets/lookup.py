"""Where a data set's file is: ``root=``, ``GRAPHKIT_DATA``, the cache, or the net."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from graphkit.datasets.download import DownloadError, Limits, fetch
from graphkit.datasets.files import COMPRESSIONS, stem
from graphkit.datasets.known_files import KNOWN_FILES
from graphkit.errors import DatasetNotFoundError

if TYPE_CHECKING:
    from graphkit.datasets.source import Source

__all__ = ["accepted_names", "cache_dir", "find", "locate"]


def cache_dir() -> Path:
    """The folder for downloads: ``GRAPHKIT_CACHE``, else ``~/.cache/graphkit``."""
    chosen = os.environ.get("GRAPHKIT_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "graphkit"


def accepted_names(names: Iterable[str]) -> list[str]:
    """File names that will do for some official names, best first.

    The compression may differ: ``as-733.tar.gz`` may lie there as ``as-733.tar.xz``, and
    ``wikipedia.csv`` as ``wikipedia.csv.gz``.
    """
    accepted: dict[str, None] = {}
    for name in names:
        accepted[name] = None
        if not name.endswith(".zip"):
            base = stem(name)
            accepted.update(dict.fromkeys([base, *(base + suffix for suffix in COMPRESSIONS)]))
    return list(accepted)


def find(folder: Path, names: list[str]) -> Path | None:
    """The file below a folder with the first of some names; of equals, the least deep one.

    A name may have folders in front, ``Hangzhou-data-set/tensor.mat``: then they have to be there.
    """
    best: tuple[int, int, str] | None = None
    wanted: dict[str, list[tuple[int, str]]] = {}
    for i, name in enumerate(names):
        parent, _, base = name.rpartition("/")
        wanted.setdefault(base, []).append((i, parent))
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:  # a link back to a folder above
            folders.clear()
            continue
        seen.add(real)
        depth = here.count(os.sep)
        for name in wanted.keys() & files:
            for rank, parent in wanted[name]:
                if not parent or f"/{Path(here).as_posix()}".endswith(f"/{parent}"):
                    key = (rank, depth, os.path.join(here, name))
                    best = key if best is None else min(best, key)
    return None if best is None else Path(best[2])


def locate(
    source: Source,
    reduced: tuple[str, ...] = (),
    *,
    root: str | Path | None = None,
    download: bool = True,
    timeout: float = 10.0,
    progress: bool = True,
) -> Path:
    """The file of a data set.

    Looked for in this order: ``root`` (a file, or a folder searched recursively), the folder in
    ``GRAPHKIT_DATA`` (recursively), the cache (:func:`cache_dir`), the official address.

    Args:
        source: The data set.
        reduced: Further file names that will do.
        root: First place to look.
        download: Whether to use the net.
        timeout: Seconds to wait for a connection, and for more bytes.
        progress: Show a progress bar.

    Raises:
        DatasetNotFoundError: It is nowhere and cannot be downloaded. Names the address, the file
            names that would do and the places that were searched.
        GraphError: A download does not have the published sha256.
    """
    names = accepted_names((source.file, *source.also, *reduced))
    cache = cache_dir() / source.name
    places: list[Path] = []
    if root is not None:
        root = Path(root).expanduser()
        if not root.exists():
            raise DatasetNotFoundError(
                source.name,
                "root= does not exist",
                expected=f"a file, or a folder that holds {source.file}",
                got=str(root),
                fix=f"Leave root= out to look in GRAPHKIT_DATA and {cache}.",
            )
        if root.is_file():
            return root
        places.append(root)
    if os.environ.get("GRAPHKIT_DATA"):
        places.append(Path(os.environ["GRAPHKIT_DATA"]).expanduser())
    places.append(cache)
    for place in places:
        found = find(place, names)
        if found is not None:
            return found

    reason = "downloads are switched off (download=False)"
    if download:
        reason = "there is no address to download it from"
        for url in source.urls:
            try:
                known = KNOWN_FILES.get(url)
                size = source.max_bytes if known is None else known[0]
                return fetch(
                    url,
                    cache / source.file,
                    sha256=source.sha256 if known is None else known[1],
                    timeout=timeout,
                    progress=progress,
                    limits=Limits() if size is None else Limits(max_bytes=size),
                )
            except DownloadError as error:
                reason = error.problem
    raise DatasetNotFoundError(
        source.name,
        f"not found in {', '.join(map(str, places))}, and {reason}",
        expected=f"a file named {' or '.join(dict.fromkeys([source.file, *source.also, *reduced]))}"
        " (plain, .gz, .xz or .bz2)",
        fix=f"Get it from {source.urls[0] if source.urls else source.home} and put it into {cache},"
        " or into any folder named by root= or the environment variable GRAPHKIT_DATA.",
    )
