"""Cora, CiteSeer and PubMed as Planetoid split them: papers, their words and who cites whom."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data import TemporalGraph
from graphkit.datasets.files import mend, open_data
from graphkit.datasets.lookup import locate
from graphkit.datasets.pickles import read_pickle
from graphkit.datasets.source import Source
from graphkit.datasets.undirected import checked, undirected
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["PARTS", "SOURCES", "public_split"]

PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
_URL = "https://github.com/kimiyoung/planetoid/raw/master/data/"
_CITATION = (
    "Yang, Cohen, Salakhutdinov: Revisiting Semi-Supervised Learning with Graph Embeddings. "
    "ICML 2016. Sen et al.: Collective Classification in Network Data. AI Magazine 2008."
)
_WORDS = "x: which of the vocabulary's words a paper has (float32, 0 or 1). "
_NOTES = "y: subject (int64). Both directions of each citation are edges, each once."
_SIZES = {
    "cora": (10_556, 2_708, _WORDS + _NOTES),
    "citeseer": (
        9_104,
        3_327,
        _WORDS + _NOTES + " 15 papers have neither words nor a subject (y = -1).",
    ),
    "pubmed": (88_648, 19_717, "x: TF-IDF of words (float32). " + _NOTES),
}

SOURCES = tuple(
    Source(
        name=name,
        title=f"{title} citation network with Planetoid's split.",
        file=f"ind.{name}.graph",
        urls=(f"{_URL}ind.{name}.graph",),
        home="https://github.com/kimiyoung/planetoid",
        licence="MIT (repository).",
        citation=_CITATION,
        num_events=_SIZES[name][0],
        num_nodes=_SIZES[name][1],
        notes=_SIZES[name][2],
    )
    for name, title in (("cora", "Cora"), ("citeseer", "CiteSeer"), ("pubmed", "PubMed"))
)


def public_split(graph: TemporalGraph) -> tuple[Tensor, Tensor, Tensor]:
    """Train, val and test ids of a Planetoid graph: 20 nodes per class, 500 and 1,000.

    Planetoid numbers the papers by their subset: the training papers come first, the next 500 are
    used to validate, and those of the test are the last ones that have a label.

    Raises:
        GraphError: The graph has no labels or too few.
    """
    labelled = (graph.y >= 0).nonzero().squeeze(1)
    train = 20 * (int(graph.y.max()) + 1)
    if labelled.numel() < train + 1500:
        raise GraphError("y", "too few labels for Planetoid's split", got=labelled.numel())
    nodes = torch.arange(train + 500)
    return nodes[:train], nodes[train:], labelled[-1000:]


def load(
    source: Source,
    root: str | Path | None = None,
    *,
    download: bool = True,
    timeout: float = 10.0,
    progress: bool = True,
    strict: bool = False,
) -> TemporalGraph:
    """Find the eight files of a graph and put them together."""
    read = {}
    if root is not None and Path(root).is_file():
        root = Path(root).parent
    for part in PARTS:
        file = f"ind.{source.name}.{part}"
        one = dataclasses.replace(source, file=file, urls=(_URL + file,))
        path = locate(one, root=root, download=download, timeout=timeout, progress=progress)
        read[part] = _read(path, part)
    graph = _assemble(source, read)
    return checked(source, graph, strict)


def _assemble(source: Source, read: dict[str, Any]) -> TemporalGraph:
    """Node ids as Planetoid's: the rows of allx, then those of tx at the ids in test.index."""
    test = read["test.index"]
    known = read["allx"].shape[0]
    if test.size == 0 or read["tx"].shape[0] != test.size or test.min() < known:
        raise GraphError(
            source.name,
            "test.index does not fit tx and allx",
            expected=f"{read['tx'].shape[0]} ids from {known} on",
            got=f"{test.size} ids" + (f" from {test.min()} on" if test.size else ""),
            fix="Get all eight files again.",
        )
    num_nodes = max(int(test.max()) + 1, known)
    x = np.zeros((num_nodes, read["allx"].shape[1]), dtype=np.float32)
    x[:known] = read["allx"].toarray()
    x[test] = read["tx"].toarray()
    y = np.full(num_nodes, -1, dtype=np.int64)
    for rows, part in ((slice(0, known), "ally"), (test, "ty")):
        labels = np.asarray(read[part])
        y[rows] = np.where(labels.any(axis=1), labels.argmax(axis=1), -1)
    links = read["graph"]
    src = np.repeat(
        np.fromiter(links.keys(), np.int64, len(links)), [len(v) for v in links.values()]
    )
    dst = np.fromiter((other for v in links.values() for other in v), np.int64, len(src))
    return undirected(source.name, src, dst, num_nodes, x=x, y=y)


def _read(path: Path, part: str) -> Any:
    if part != "test.index":
        return read_pickle(path)
    try:
        with open_data(path) as handle:
            return np.array(handle.read().split(), dtype=np.int64)
    except GraphError:
        raise
    except Exception as error:  # not numbers, or broken compression
        raise GraphError(
            path.name, f"cannot be read ({error})", expected="Planetoid's file", fix=mend(path)
        ) from error


def _register(source: Source) -> None:
    def make(
        root: str | Path | None = None,
        *,
        download: bool = True,
        timeout: float = 10.0,
        progress: bool = True,
        strict: bool = False,
    ) -> TemporalGraph:
        return load(
            source,
            root,
            download=download,
            timeout=timeout,
            progress=progress,
            strict=strict,
        )

    make.__name__ = make.__qualname__ = source.name
    make.__doc__ = f"""{source.title}

    {source.num_events:,} edges, {source.num_nodes:,} nodes. {source.notes}
    Files: ind.{source.name}.{{{",".join(PARTS)}}}. Home: {source.home}
    Terms: {source.licence} Cite: {source.citation}

    Args:
        root: Folder searched first (recursively).
        download: Get the official files if they are nowhere at hand.
        timeout: Seconds to wait for a connection, and for more bytes.
        progress: Show a progress bar while downloading.
        strict: Raise, instead of warning, if the files have not the published size.
    """
    make.source = source
    make.public_split = public_split
    register("dataset", source.name)(make)


for _source in SOURCES:
    _register(_source)
