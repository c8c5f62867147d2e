"""What data sets of sensors on a fixed network share: several files, an adjacency, a signal."""

from __future__ import annotations

import dataclasses
import inspect
import io
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphkit.data import TemporalGraph
from graphkit.datasets.files import BROKEN, mend, open_data
from graphkit.datasets.lookup import accepted_names, locate
from graphkit.datasets.source import Source
from graphkit.errors import GraphError
from graphkit.registry import register

__all__ = ["adjacency_edges", "gaussian", "read_table", "seconds", "sensors"]

Find = Callable[[str], Path]
"""From the name of an official file to where it is."""


def sensors(
    source: Source, parse: Callable[..., TemporalGraph], urls: dict[str, str]
) -> Callable[..., TemporalGraph]:
    """Register ``parse(find, source, **options)`` as the loader of a set of several files.

    Args:
        source: The data set; ``file`` is the one that holds the signal; ``num_events`` is not
            checked, ``num_nodes`` is.
        parse: Makes the graph; ``find(name)`` locates each of its files.
        urls: Address of every official file, empty where it cannot be downloaded directly.
    """

    def load(
        root: str | Path | None = None,
        *,
        download: bool = True,
        timeout: float = 10.0,
        progress: bool = True,
        strict: bool = False,
        **options: Any,
    ) -> TemporalGraph:
        folder = root
        if root is not None and Path(root).is_file():
            folder = Path(root).parent

        def find(file: str) -> Path:
            url = urls.get(file)
            also = source.also if file == source.file else ()
            if folder is not None:  # a file that lies in the folder itself needs no folder name
                for name in accepted_names([Path(file).name, *(Path(a).name for a in also)]):
                    if (Path(folder) / name).is_file():
                        return Path(folder) / name
            one = dataclasses.replace(source, file=file, also=also, urls=(url,) if url else ())
            return locate(one, root=folder, download=download, timeout=timeout, progress=progress)

        graph = parse(find, source, **options)
        if source.num_nodes is not None and graph.num_nodes != source.num_nodes:
            error = GraphError(
                source.name,
                "these files are not the published data set",
                expected=f"{source.num_nodes} nodes",
                got=graph.num_nodes,
                fix=f"Get them again: {source.home}",
            )
            if strict:
                raise error
            warnings.warn(str(error), UserWarning, stacklevel=2)
        return graph

    own = [
        p
        for p in inspect.signature(parse).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    signature = inspect.signature(load)
    common = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    load.__signature__ = signature.replace(parameters=common + own)
    load.__name__ = load.__qualname__ = source.name
    load.__module__ = parse.__module__
    extra = (inspect.getdoc(parse) or "").partition("Args:")[2].strip("\n")
    load.__doc__ = (
        f"{source.title}\n\n"
        f"    {source.notes}\n    Files: {', '.join(urls)}. Home: {source.home}\n"
        f"    Terms: {source.licence}\n    Cite: {source.citation}\n\n"
        "    Args:\n"
        "        root: Folder searched first (recursively).\n"
        "        download: Get the official files if they are nowhere at hand.\n"
        "        timeout: Seconds to wait for a connection, and for more bytes.\n"
        "        progress: Show a progress bar while downloading.\n"
        "        strict: Raise, instead of warning, if the files have not the published size.\n"
        + textwrap.indent(textwrap.dedent(extra), " " * 8)
    )
    load.source = source
    return register("dataset", source.name)(load)


def read_table(path: Path, **options: Any) -> pd.DataFrame:
    """A CSV file, compressed or not.

    Raises:
        GraphError: It cannot be read as a table.
    """
    try:
        with open_data(path) as handle:
            return pd.read_csv(io.BytesIO(handle.read()), **options)
    except (*BROKEN, ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise GraphError(
            path.name, f"cannot be read ({error})", expected="a CSV file", fix=mend(path)
        ) from error


def adjacency_edges(
    adjacency: np.ndarray, num_nodes: int, name: str, *, self_loops: bool = False
) -> dict[str, np.ndarray]:
    """The non-zero entries of a matrix as edges that stand still, for :class:`TemporalGraph`.

    Raises:
        GraphError: The matrix has another size.
    """
    if adjacency.shape != (num_nodes, num_nodes):
        raise GraphError(
            name,
            "the adjacency does not fit the signal",
            expected=f"{num_nodes} x {num_nodes}",
            got=" x ".join(map(str, adjacency.shape)),
            fix="Take both files from one source.",
        )
    src, dst = np.nonzero(adjacency)
    if not self_loops:
        src, dst = src[src != dst], dst[src != dst]
    return {
        "src": src,
        "dst": dst,
        "t": np.zeros(len(src), dtype=np.int64),
        "edge_weight": adjacency[src, dst].astype(np.float32),
    }


def gaussian(distance: np.ndarray, cut: float = 0.1) -> np.ndarray:
    r"""Weights :math:`e^{-(d/\sigma)^2}` of distances, :math:`\sigma` their standard deviation; 0
    below ``cut``."""
    sigma = distance.std()
    weight = np.exp(-np.square(distance / (sigma if sigma > 0 else 1.0)))
    return np.where(weight < cut, 0.0, weight).astype(np.float32)


def seconds(start: str, steps: int, every: int) -> np.ndarray:
    """Times in seconds since 1970-01-01 on the local clock: every so many seconds from a date."""
    first = int(np.datetime64(start, "s").astype(np.int64))
    return first + every * np.arange(steps, dtype=np.int64)
