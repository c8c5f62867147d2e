"""Co-author and co-purchase graphs of the GNN benchmark of Shchur et al.: one .npz file each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.files import mend
from graphkit.datasets.lookup import locate
from graphkit.datasets.source import Source
from graphkit.datasets.undirected import checked, undirected
from graphkit.errors import GraphError
from graphkit.npz import read_npz
from graphkit.registry import register

__all__ = ["SOURCES"]

_URL = "https://github.com/shchur/gnn-benchmark/raw/master/data/npz/"
_CITATION = (
    "Shchur, Mumme, Bojchevski, Günnemann: Pitfalls of Graph Neural Network Evaluation. "
    "NeurIPS 2018 workshop, arXiv 1811.05868."
)
_KEYS = ("adj_data", "adj_indices", "adj_indptr", "adj_shape", "labels")
_FEATURES = tuple(
    f"{name}_{part}"
    for name in ("attr", "feature")
    for part in ("matrix", "data", "indices", "indptr", "shape")
)


def _source(name: str, file: str, title: str, edges: int, nodes: int, notes: str) -> Source:
    return Source(
        name=name,
        title=title,
        file=file,
        urls=(_URL + file,),
        home="https://github.com/shchur/gnn-benchmark",
        licence="MIT (repository).",
        citation=_CITATION,
        num_events=edges,
        num_nodes=nodes,
        notes=notes + " Both directions of each edge, each once; no self loops.",
    )


_WORDS = "x: keywords of an author's papers (float32). y: field (int64)."
_REVIEWS = "x: words of a product's reviews (float32, 0 or 1). y: category (int64)."
_CS, _COMPUTERS = "ms_academic_cs.npz", "amazon_electronics_computers.npz"
_PHYSICS, _PHOTO = "ms_academic_phy.npz", "amazon_electronics_photo.npz"
SOURCES = (
    _source("coauthor_cs", _CS, "Co-authors in computer science.", 163_788, 18_333, _WORDS),
    _source("coauthor_physics", _PHYSICS, "Co-authors in physics.", 495_924, 34_493, _WORDS),
    _source(
        "amazon_computers", _COMPUTERS, "Computers bought together.", 491_722, 13_752, _REVIEWS
    ),
    _source("amazon_photo", _PHOTO, "Photo articles bought together.", 238_162, 7_650, _REVIEWS),
)


def parse(path: Path, source: Source) -> TemporalGraph:
    """Adjacency and features are CSR matrices in the file; features may also be dense."""
    file = read_npz(path, _KEYS, optional=_FEATURES)
    try:
        src, dst, shape = _entries(file, "adj")
        x = _features(file, shape[0])
        y = file["labels"].astype(np.int64)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise GraphError(
            path.name,
            f"cannot be read ({error})",
            expected="the .npz file of the GNN benchmark",
            fix=mend(path),
        ) from error
    return undirected(source.name, src, dst, shape[0], x=x, y=y)


def _entries(file: Any, name: str) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    indptr = file[f"{name}_indptr"].astype(np.int64)
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    rows_, columns = (int(size) for size in file[f"{name}_shape"])
    return rows, file[f"{name}_indices"].astype(np.int64), (rows_, columns)


def _features(file: Any, num_nodes: int) -> np.ndarray:
    name = "attr" if "attr_shape" in file or "attr_matrix" in file else "feature"
    if f"{name}_matrix" in file:
        return file[f"{name}_matrix"].astype(np.float32)
    rows, columns, shape = _entries(file, name)
    x = np.zeros((num_nodes, shape[1]), dtype=np.float32)
    x[rows, columns] = file[f"{name}_data"]
    return x


def _register(source: Source) -> None:
    def make(
        root: str | Path | None = None,
        *,
        download: bool = True,
        timeout: float = 10.0,
        progress: bool = True,
        strict: bool = False,
    ) -> TemporalGraph:
        path = locate(source, root=root, download=download, timeout=timeout, progress=progress)
        return checked(source, parse(path, source), strict)

    make.__name__ = make.__qualname__ = source.name
    make.__doc__ = f"""{source.title}

    {source.num_events:,} edges, {source.num_nodes:,} nodes. {source.notes}
    File: {source.file}. Home: {source.home}
    Terms: {source.licence} Cite: {source.citation}

    Args:
        root: File, or folder searched first (recursively).
        download: Get the official file if it is nowhere at hand.
        timeout: Seconds to wait for a connection, and for more bytes.
        progress: Show a progress bar while downloading.
        strict: Raise, instead of warning, if the file has not the published size.
    """
    make.source = source
    register("dataset", source.name)(make)


for _one in SOURCES:
    _register(_one)
