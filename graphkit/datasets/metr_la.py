"""METR-LA and PEMS-BAY as DCRNN distributes them: speeds in HDF5, the graph in a pickle."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.files import mend, open_data
from graphkit.datasets.sensors import Find, adjacency_edges, sensors
from graphkit.datasets.source import Source
from graphkit.errors import GraphError, require

__all__ = ["SOURCES"]

_URL = "https://github.com/liyaguang/DCRNN/raw/master/data/sensor_graph/"
_CITATION = (
    "Li, Yu, Shahabi, Liu: Diffusion Convolutional Recurrent Neural Network: Data-Driven Traffic "
    "Forecasting. ICLR 2018."
)
_GRAPHS = {"metr_la": "adj_mx.pkl", "pems_bay": "adj_mx_bay.pkl"}


def _source(name: str, title: str, file: str, nodes: int, notes: str) -> Source:
    return Source(
        name=name,
        title=title,
        file=file,
        urls=(),
        home="https://github.com/liyaguang/DCRNN",
        licence="MIT (repository); the speeds without terms",
        citation=_CITATION,
        num_nodes=nodes,
        notes=f"{notes} Edges: DCRNN's adjacency, directed, weights above 0.1, without self loops. "
        "The .h5 file has no address of its own (a shared folder on the home page); reading it "
        "needs the extra h5.",
    )


SOURCES = (
    _source(
        "metr_la",
        "Speeds on highways of Los Angeles, four months.",
        "metr-la.h5",
        207,
        "signal: [34272, 207, 1], miles per hour every five minutes from 2012-03-01. A reading of "
        "0 is a missing one and masked (missing_zeros=False keeps it).",
    ),
    _source(
        "pems_bay",
        "Speeds on highways of the Bay Area, six months.",
        "pems-bay.h5",
        325,
        "signal: [52116, 325, 1], miles per hour every five minutes from 2017-01-01. A reading of "
        "0 is a missing one and masked (missing_zeros=False keeps it).",
    ),
)


def parse(find: Find, source: Source, *, missing_zeros: bool = True) -> TemporalGraph:
    """Speeds as pandas stores them, and a pickle of ids, their numbers and a matrix.

    Args:
        missing_zeros: Mask readings of 0.
    """
    path = find(source.file)
    names, t, speed = _read_hdf(path)
    ids, adjacency = _read_graph(find(_GRAPHS[source.name]))
    if [str(i) for i in ids] != names:
        known = {str(name): place for place, name in enumerate(ids)}
        lost = [name for name in names if name not in known]
        if lost:
            raise GraphError(
                source.name,
                "a sensor of the speeds is not in the graph",
                expected=f"the {len(ids)} sensors of {_GRAPHS[source.name]}",
                got=lost[0],
                fix="Take both files from one source.",
            )
        order = [known[name] for name in names]
        adjacency = adjacency[np.ix_(order, order)]
    signal = speed.astype(np.float32)
    return TemporalGraph(
        **adjacency_edges(adjacency, len(names), source.name),
        signal=signal[..., None],
        signal_t=t // 10**9,
        signal_mask=(signal != 0)[..., None] if missing_zeros else None,
        node_names=names,
        time_unit="s",
        name=source.name,
    )


def _read_hdf(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Columns, index in nanoseconds and values of the one frame in a file that pandas wrote."""
    h5py = require("h5py", extra="h5")
    try:
        with h5py.File(path, "r") as file:
            frame = next(iter(file.values()))
            names = [_text(name) for name in frame["axis0"][:]]
            t = frame["axis1"][:].astype(np.int64)
            values = frame["block0_values"][:]
    except (OSError, KeyError, StopIteration, AttributeError, ValueError) as error:
        raise GraphError(
            path.name,
            f"cannot be read ({error})",
            expected="the HDF5 file of DCRNN: one frame of speeds",
            fix=mend(path),
        ) from error
    if values.shape != (len(t), len(names)):
        raise GraphError(
            path.name,
            "its table has another shape than its axes say",
            expected=[len(t), len(names)],
            got=list(values.shape),
            fix=mend(path),
        )
    return names, t, values


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _read_graph(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        with open_data(path) as handle:
            ids, _, adjacency = _Pickle(io.BytesIO(handle.read()), encoding="latin1").load()
        return list(ids), np.asarray(adjacency)
    except Exception as error:  # a broken pickle raises nearly anything
        raise GraphError(
            path.name, f"cannot be read ({error})", expected="DCRNN's pickle", fix=mend(path)
        ) from error


class _Pickle(pickle.Unpickler):
    """Builds numpy arrays and plain containers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            from numpy._core import multiarray

            if name in ("_reconstruct", "scalar"):
                return getattr(multiarray, name)
        known = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in this file")
        return super().find_class(module, name)


for _one in SOURCES:
    sensors(_one, parse, {_one.file: "", _GRAPHS[_one.name]: _URL + _GRAPHS[_one.name]})
