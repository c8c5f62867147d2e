"""Los-loop and SZ-taxi as T-GCN distributes them: speeds of sensors, and which are near."""

from __future__ import annotations

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.sensors import Find, adjacency_edges, read_table, seconds, sensors
from graphkit.datasets.source import Source
from graphkit.errors import GraphError

__all__ = ["SOURCES"]

_URL = "https://github.com/lehaifeng/T-GCN/raw/master/data/"
_CITATION = (
    "Zhao et al.: T-GCN: A Temporal Graph Convolutional Network for Traffic Prediction. IEEE "
    "Transactions on Intelligent Transportation Systems 2020."
)


def _source(name: str, title: str, prefix: str, nodes: int, notes: str) -> Source:
    return Source(
        name=name,
        title=title,
        file=f"{prefix}_speed.csv",
        urls=(f"{_URL}{prefix}_speed.csv",),
        home="https://github.com/lehaifeng/T-GCN",
        licence="none stated",
        citation=_CITATION,
        num_nodes=nodes,
        notes=notes,
    )


SOURCES = (
    _source(
        "los_loop",
        "Speeds on Los Angeles highways, one week of METR-LA.",
        "los",
        207,
        "signal: [2016, 207, 1], miles per hour every five minutes from 2012-03-01; gaps were "
        "filled by T-GCN's authors. Edges: T-GCN's adjacency, symmetric, without self loops. It is "
        "not the graph of METR-LA, though the sensors are in the same order.",
    ),
    _source(
        "sz_taxi",
        "Speeds of taxis on roads of Shenzhen.",
        "sz",
        156,
        "signal: [2976, 156, 1], km per hour every 15 minutes of January 2015. Edges: roads that "
        "meet.",
    ),
)
_CLOCK = {"los_loop": ("los", "2012-03-01", 300), "sz_taxi": ("sz", "2015-01-01", 900)}


def parse(find: Find, source: Source) -> TemporalGraph:
    """Speeds with a header of sensors, and a square matrix without one."""
    prefix, start, every = _CLOCK[source.name]
    path = find(source.file)
    speed = read_table(path)
    if not all(kind.kind in "iuf" for kind in speed.dtypes):
        raise GraphError(path.name, "a speed is not a number", expected="one column per sensor")
    adjacency = read_table(find(f"{prefix}_adj.csv"), header=None).to_numpy()
    signal = speed.to_numpy(dtype=np.float32)[..., None]
    return TemporalGraph(
        **adjacency_edges(adjacency, speed.shape[1], source.name),
        signal=signal,
        signal_t=seconds(start, len(signal), every),
        node_names=[str(name) for name in speed.columns],
        time_unit="s",
        name=source.name,
    )


for _one in SOURCES:
    _prefix = _CLOCK[_one.name][0]
    sensors(_one, parse, {f: _URL + f for f in (_one.file, f"{_prefix}_adj.csv")})
