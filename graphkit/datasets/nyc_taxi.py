"""Trips of New York's yellow taxis between 30 zones, hour by hour, from the transdim collection."""

from __future__ import annotations

import numpy as np

from graphkit.data import TemporalGraph
from graphkit.datasets.hangzhou import read_tensor
from graphkit.datasets.sensors import Find, seconds, sensors
from graphkit.datasets.source import Source

__all__ = ["SOURCE"]

_URL = "https://github.com/xinychen/transdim/raw/master/datasets/NYC-data-set/"

SOURCE = Source(
    name="nyc_taxi_od",
    title="Taxi trips between 30 zones of New York by the hour, May and June 2018.",
    file="NYC-data-set/tensor.mat",
    also=("nyc-taxi-od/tensor.mat",),
    urls=(_URL + "tensor.mat",),
    home="https://github.com/xinychen/transdim",
    licence="MIT (repository); NYC open data",
    citation="New York City Taxi and Limousine Commission, trip record data. Data as in the "
    "transdim collection (X. Chen).",
    num_nodes=30,
    notes="An event is a pair of zones with trips in an hour, edge_weight their number. signal: "
    "[1464, 30, 2], trips that begin and that end in a zone (those within it are in both). The dip "
    "on Memorial Day confirms the dates.",
)


def parse(find: Find, source: Source) -> TemporalGraph:
    """One count per pair of zones and hour."""
    tensor = read_tensor(find(source.file), 3)
    t = seconds("2018-05-01", tensor.shape[2], 3600)
    counts = np.ascontiguousarray(tensor.transpose(2, 0, 1))
    hour, src, dst = np.nonzero(counts)
    signal = np.stack([counts.sum(2), counts.sum(1)], axis=-1)
    return TemporalGraph(
        src,
        dst,
        t[hour],
        edge_weight=counts[hour, src, dst].astype(np.float32),
        signal=signal.astype(np.float32),
        signal_t=t,
        time_unit="s",
        name=source.name,
    )


sensors(SOURCE, parse, {SOURCE.file: _URL + "tensor.mat"})
