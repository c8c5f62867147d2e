"""PEMS03, 04, 07 and 08 as ASTGCN and STSGCN distribute them: an .npz and a list of distances."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphkit.checks import check_choice
from graphkit.data import TemporalGraph
from graphkit.datasets.files import open_data
from graphkit.datasets.sensors import Find, gaussian, read_table, seconds, sensors
from graphkit.datasets.source import Source
from graphkit.errors import DatasetNotFoundError, GraphError
from graphkit.npz import read_npz

__all__ = ["SOURCES"]

# Name, sensors, rows, channels, first day.
_SETS = {
    "pems03": (358, 26_208, 1, "2018-09-01"),
    "pems04": (307, 16_992, 3, "2018-01-01"),
    "pems07": (883, 28_224, 1, "2017-05-01"),
    "pems08": (170, 17_856, 3, "2016-07-01"),
}
_CHANNELS = {1: "flow", 3: "flow, occupancy and speed"}

SOURCES = tuple(
    Source(
        name=name,
        title=f"Traffic of Californian highways, district {int(name[4:])}.",
        file=f"{name.upper()}.npz",
        also=(f"{name}.npz",),
        urls=(),
        home="https://github.com/Davidham3/STSGCN"
        if name in ("pems03", "pems07")
        else "https://github.com/guoshnBJTU/ASTGCN-2019-pytorch",
        licence="none stated; measured by Caltrans PeMS",
        citation="Guo et al.: Attention Based Spatial-Temporal Graph Convolutional Networks for "
        "Traffic Flow Forecasting. AAAI 2019. Song et al.: Spatial-Temporal Synchronous Graph "
        "Convolutional Networks. AAAI 2020.",
        num_nodes=nodes,
        notes=f"signal: [{rows}, {nodes}, {channels}], {_CHANNELS[channels]} per five minutes from "
        f"{first}. Edges: the pairs in {name.upper()}.csv, both directions; weight "
        "exp(-(distance / sigma)^2), sigma the standard deviation of the distances.",
    )
    for name, (nodes, rows, channels, first) in _SETS.items()
)


def parse(
    find: Find, source: Source, *, weights: str = "gaussian", directed: bool = False
) -> TemporalGraph:
    """The array ``data`` and the table ``from,to,cost``.

    Args:
        weights: ``"gaussian"``, ``"distance"`` or ``"ones"``.
        directed: Keep the direction of the table instead of adding the other one.
    """
    check_choice(weights, "weights", ("gaussian", "distance", "ones"))
    data = _read_array(find(source.file))
    nodes = data.shape[1]
    src, dst, distance = _read_edges(find, source, nodes)
    value = {
        "gaussian": lambda: gaussian(distance, cut=0.0),
        "distance": lambda: distance.astype(np.float32),
        "ones": lambda: np.ones(len(src), dtype=np.float32),
    }[weights]()
    if not directed:
        src, dst, value = np.r_[src, dst], np.r_[dst, src], np.r_[value, value]
        _, first = np.unique(src * nodes + dst, return_index=True)
        src, dst, value = src[first], dst[first], value[first]
    return TemporalGraph(
        src,
        dst,
        np.zeros(len(src), dtype=np.int64),
        edge_weight=value,
        signal=data.astype(np.float32),
        signal_t=seconds(_SETS[source.name][3], len(data), 300),
        time_unit="s",
        name=source.name,
    )


def _read_array(path: Path) -> np.ndarray:
    data = read_npz(path, ["data"])["data"]
    if data.ndim != 3:
        raise GraphError(path.name, "data has other axes", expected=3, got=data.ndim)
    return data


def _read_edges(find: Find, source: Source, nodes: int) -> tuple[np.ndarray, ...]:
    file = f"{source.name.upper()}.csv"
    path = find(file)
    table = read_table(path)
    if table.shape[1] < 3 or not all(kind.kind in "iuf" for kind in table.dtypes[:3]):
        raise GraphError(path.name, "not a table of pairs", expected="from, to, cost or distance")
    src, dst = (table.iloc[:, c].to_numpy(dtype=np.int64) for c in (0, 1))
    if len(src) and max(src.max(), dst.max()) >= nodes:  # sensors by their own numbers (PEMS03)
        src, dst = _numbered(find, source, nodes, src, dst)
    return src, dst, table.iloc[:, 2].to_numpy(dtype=np.float64)


def _numbered(
    find: Find, source: Source, nodes: int, src: np.ndarray, dst: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    file = f"{source.name.upper()}.txt"
    try:
        path = find(file)
    except DatasetNotFoundError as error:
        raise GraphError(
            f"{source.name.upper()}.csv",
            "its sensors are numbered otherwise, and the list of numbers is not there",
            expected=f"{file}, one sensor per line",
            fix=f"Get it from {source.home}.",
        ) from error
    with open_data(path) as handle:
        listed = [int(line) for line in handle.read().split()]
    place = {number: i for i, number in enumerate(listed)}
    lost = [n for n in np.r_[src, dst].tolist() if n not in place]
    if lost or len(listed) != nodes:
        raise GraphError(
            file,
            "it does not list the sensors",
            expected=f"{nodes} numbers",
            got=f"{len(listed)}" + (f", without {lost[0]}" if lost else ""),
        )
    return tuple(np.array([place[n] for n in ends.tolist()]) for ends in (src, dst))


for _one in SOURCES:
    _files = [_one.file, f"{_one.name.upper()}.csv"]
    sensors(_one, parse, dict.fromkeys(_files, ""))
