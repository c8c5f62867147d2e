"""A plain undirected graph as a :class:`~graphkit.TemporalGraph` that stands still."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.source import Source
from graphkit.errors import GraphError

__all__ = ["checked", "undirected"]


def undirected(
    name: str, src: np.ndarray, dst: np.ndarray, num_nodes: int, **columns: Any
) -> TemporalGraph:
    """Both directions of every edge, each once, sorted by source; no self loops; all at time 0."""
    kept = src != dst
    src, dst = src[kept], dst[kept]
    keys = np.unique(np.concatenate([src * num_nodes + dst, dst * num_nodes + src]))
    return TemporalGraph(
        keys // num_nodes,
        keys % num_nodes,
        np.zeros(len(keys), dtype=np.int64),
        num_nodes=num_nodes,
        time_unit="step",
        name=name,
        **columns,
    )


def checked(source: Source, graph: TemporalGraph, strict: bool) -> TemporalGraph:
    """The graph, if it has the published size; otherwise a warning, or with ``strict`` an error."""
    for what, expected, got in (
        ("edges", source.num_events, graph.num_events),
        ("nodes", source.num_nodes, graph.num_nodes),
    ):
        if expected is not None and got != expected:
            error = GraphError(
                source.name,
                "these files are not the published data set",
                expected=f"{expected} {what}",
                got=got,
                fix=f"Get them again: {source.home}",
            )
            if strict:
                raise error
            warnings.warn(str(error), UserWarning, stacklevel=5)
            break
    return graph
