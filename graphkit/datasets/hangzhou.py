"""Passengers who enter the stations of the Hangzhou metro, from the transdim collection."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.datasets.files import mend, open_data
from graphkit.datasets.sensors import Find, adjacency_edges, read_table, seconds, sensors
from graphkit.datasets.source import Source
from graphkit.errors import GraphError

__all__ = ["SOURCE", "read_tensor"]

_URL = "https://github.com/xinychen/transdim/raw/master/datasets/Hangzhou-data-set/"

SOURCE = Source(
    name="hangzhou_metro",
    title="Passengers entering metro stations of Hangzhou, January 2019.",
    file="Hangzhou-data-set/tensor.mat",
    also=("hangzhou-metro/tensor.mat",),
    urls=(_URL + "tensor.mat",),
    home="https://github.com/xinychen/transdim",
    licence="MIT (repository); Tianchi competition terms for the original",
    citation="Tianchi: Urban Computing AI Challenge 2019. Data as in the transdim collection (X. "
    "Chen).",
    num_nodes=80,
    notes="signal: [2700, 80, 1], people per ten minutes, 06:00 to 24:00 of 25 days from "
    "2019-01-01 (the weekend dips confirm the dates; the hour of the first slot is our reading of "
    "where service begins). Every day is a recording (recordings: day), for there is a night "
    "between. The published graph has 81 stations and the tensor 80; which one is missing is not "
    "recorded, and the data do not tell (neighbours correlate about equally whichever is left "
    "out). So there are no edges by default: edges='published' takes the 81 without station 54, "
    "which had no service according to the competition.",
)


def parse(find: Find, source: Source, *, edges: str = "none") -> TemporalGraph:
    """Counts of 25 days, one after the other.

    Args:
        edges: ``"none"``; or ``"published"``: the published graph without station 54, of which
            nobody can say for certain that it is aligned with the counts.
    """
    check_choice(edges, "edges", ("none", "published"))
    path = find(source.file)
    tensor = read_tensor(path, 3)
    nodes, days, slots = tensor.shape
    t = seconds("2019-01-01T06:00", slots, 600) + 86_400 * np.arange(days)[:, None]
    columns: dict[str, Any] = dict.fromkeys(("src", "dst", "t"), np.zeros(0, dtype=np.int64))
    if edges == "published":
        graph = read_table(find("graph.csv"), index_col=0).to_numpy()
        if graph.shape == (nodes + 1, nodes + 1):
            graph = np.delete(np.delete(graph, 54, axis=0), 54, axis=1)
        columns = adjacency_edges(graph, nodes, source.name)
    return TemporalGraph(
        **columns,
        signal=tensor.transpose(1, 2, 0).reshape(days * slots, nodes, 1).astype(np.float32),
        signal_t=t.reshape(-1),
        signal_recording=np.repeat(np.arange(days), slots),
        recordings={"day": np.arange(days)},
        time_unit="s",
        name=source.name,
    )


def read_tensor(path: Path, axes: int) -> np.ndarray:
    """The variable ``tensor`` of a MATLAB file.

    Raises:
        GraphError: The file is broken or holds something else.
    """
    from scipy.io import loadmat

    try:
        with open_data(path) as handle:
            found = loadmat(io.BytesIO(handle.read())).get("tensor")
    except Exception as error:  # a broken file raises nearly anything
        raise GraphError(
            path.name, f"cannot be read ({error})", expected="a MATLAB file", fix=mend(path)
        ) from error
    if found is None or found.ndim != axes:
        raise GraphError(
            path.name,
            "it does not hold the published tensor",
            expected=f"a variable 'tensor' of {axes} axes",
            got=None if found is None else f"{found.ndim} axes",
            fix=mend(path),
        )
    return found


sensors(SOURCE, parse, {SOURCE.file: _URL + "tensor.mat", "graph.csv": _URL + "graph.csv"})
